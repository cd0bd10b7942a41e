"""The machine itself: what it is, memory that is given back, compiled models, FAISS."""

from __future__ import annotations

import gc
import platform
import weakref
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from gpu_checks.made import Figures, LeftOutError, mixed_passages, require, saved, seconds

PACKAGES = ("torch", "transformers", "sentence-transformers", "peft", "trl", "accelerate", "tokenizers", "faiss-cpu")


def machine(device: str) -> Figures:
    """The device, and the versions of the libraries."""
    import torch

    figures: Figures = {"python": platform.python_version(), "processors": torch.get_num_threads()}
    for name in PACKAGES:
        try:
            figures[name] = version(name)
        except PackageNotFoundError:
            figures[name] = None
    if device == "cpu":
        return {"device": platform.processor() or platform.machine(), **figures}
    found = torch.cuda.get_device_properties(device)
    a = torch.randn(4096, 4096, device=device, dtype=torch.bfloat16)
    taken = seconds(device, lambda: a @ a)
    return {
        "device": found.name,
        "memory GiB": round(found.total_memory / 2**30, 1),
        "compute capability": f"{found.major}.{found.minor}",
        "cuda": torch.version.cuda,
        "bf16 TFLOP/s": round(2 * 4096**3 / taken / 1e12, 1),
        **figures,
    }


def memory(device: str) -> Figures:
    """An encoder that is no longer used gives back its weights and what it computed with."""
    import torch

    from mmrank.encoders import load_encoder

    folder = str(saved("qwen2_5_vl", hidden_size=512, num_attention_heads=64, num_hidden_layers=8))

    def once() -> Any:
        encoder = load_encoder(folder, device=device, max_tokens=200, max_pixels=3136)
        encoder.encode_passages(mixed_passages(8))
        return weakref.ref(encoder.model)  # type: ignore[union-attr]

    def held() -> int:
        gc.collect()
        return torch.cuda.memory_allocated(device) if device != "cpu" else 0

    once()  # what libraries keep of their own is made by the first
    before = held()
    model = once()
    peak = torch.cuda.max_memory_allocated(device) if device != "cpu" else 0
    after = held()
    figures: Figures = {"before MB": before / 1e6, "peak MB": peak / 1e6, "after MB": after / 1e6}
    require(model() is None, "the model is still there", figures)
    require(after <= before + 1_000_000, "memory was not given back", figures)
    return {name: round(value, 2) for name, value in figures.items()}


def compile_off_and_on(device: str) -> Figures:
    """A Llama of the width of SmolLM2 gives the same logits with `torch.compile` as without."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    gpu = device != "cpu"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152 if gpu else 512,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=8 if gpu else 1,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).eval().to(device, torch.bfloat16 if gpu else torch.float32)
    ids = torch.randint(config.vocab_size, (16 if gpu else 2, 256 if gpu else 32), device=device)

    def run(called: Any) -> Any:
        with torch.inference_mode():
            return called(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()

    off = run(model)
    taken = seconds(device, lambda: run(model))
    compiled = torch.compile(model, dynamic=False)
    on = run(compiled)
    quick = seconds(device, lambda: run(compiled))
    cosine = torch.nn.functional.cosine_similarity(on, off, dim=-1).min()
    figures = {"off ms": round(1e3 * taken, 2), "on ms": round(1e3 * quick, 2), "cosine": round(float(cosine), 6)}
    require(figures["cosine"] >= 0.999, "the compiled model answers differently", figures)
    return figures


def faiss(device: str) -> Figures:
    """FAISS finds on the GPU what it finds on the processor."""
    try:
        import faiss as library
    except ImportError as error:
        raise LeftOutError(f"FAISS does not load: {error}") from error
    from mmrank.index.faiss_gpu import on_gpus

    vectors = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
    index = library.IndexFlatIP(64)
    index.add(vectors)
    copied = on_gpus(index)
    if copied is None:
        why = "is the build for processors" if not hasattr(library, "index_cpu_to_all_gpus") else "sees no GPU"
        raise LeftOutError(f"FAISS {library.__version__} {why}")
    _, expected = index.search(vectors[:100], 10)
    _, found = copied.search(vectors[:100], 10)
    figures: Figures = {"version": library.__version__, "same rows": float((found == expected).mean())}
    require(figures["same rows"] >= 0.999, "the GPU finds other rows", figures)
    return figures
