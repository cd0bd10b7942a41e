"""Where a model runs and in which precision."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")


def choose_device(wanted: str = "auto") -> str:
    """The device to run on: "auto" takes the first GPU, else Apple's GPU, else the processor.

    Raises:
        InputError: for a name torch does not know, or a device this machine does not have.
    """
    if wanted == "cpu" or (wanted == "auto" and "torch" not in sys.modules and not _may_have_gpu()):
        return "cpu"
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise InputError(f"unknown device {wanted!r}; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise InputError(
                f"device {wanted} was asked for, but this machine shows {count} CUDA devices; use auto or cpu"
            )
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise InputError("device mps was asked for, but it is not available here; use auto or cpu")
    elif device.type != "cpu":
        raise InputError(f"device {wanted!r} is not supported; use auto, cpu, cuda, cuda:N or mps")
    return wanted


def choose_dtype(device: str, wanted: str | None = None) -> torch.dtype:
    """The precision to compute in on a device.

    By default bfloat16 where the hardware multiplies it natively, float16 on other GPUs, float32 on other
    processors (which only emulate bfloat16, slower than float32).

    Raises:
        InputError: for another dtype than float32, bfloat16 and float16.
    """
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype_name(device, wanted)]


def dtype_name(device: str, wanted: str | None = None) -> str:
    """The name of what `choose_dtype` returns; for a processor, torch is not imported where Linux says what it can.

    Raises:
        InputError: as `choose_dtype`.
    """
    if wanted is not None:
        if wanted not in DTYPES:
            raise InputError(f"unknown dtype {wanted!r}; use one of {', '.join(DTYPES)}")
        return wanted
    if device.startswith("cuda"):
        import torch

        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    if device == "mps":
        return "float16"
    return "bfloat16" if cpu_multiplies_bfloat16() else "float32"


def _may_have_gpu() -> bool:
    """Whether torch has to be asked for a GPU: not on Linux without any GPU's device file."""
    files = ("nvidia[0-9]*", "nvidiactl", "kfd", "dxg", "dri/render*", "accel*")
    return sys.platform != "linux" or any(next(Path("/dev").glob(name), None) for name in files)


def cpu_multiplies_bfloat16() -> bool:
    """Whether the processor has bfloat16 instructions (AVX512-BF16 or AMX)."""
    if sys.platform == "linux" and "torch" not in sys.modules:
        flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if flags is not None:
            return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags[1].split())
    import torch

    abilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.9 and later
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
