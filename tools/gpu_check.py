"""Checks mmrank on a GPU: one line of JSON per check.

    python tools/gpu_check.py                        # on the first CUDA device
    python tools/gpu_check.py --device cpu           # the same checks without a GPU
    python tools/gpu_check.py --only encoders,faiss --seconds 60 --out results.jsonl

Each check runs in a process of its own, with a time limit; one that fails says so, and the next goes on. What needs a
package that is not installed is left out and named. The exit code is the number of checks that failed.

A line holds `check`, `state` (ok, failed or left out), `seconds`, `figures`, and `said`, what went wrong or is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# A process that asked the CUDA driver cannot give GPUs to its children; NVML answers the same question.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")


def main() -> int:
    """Run the chosen checks, print a line for each, and return how many failed."""
    from gpu_checks import CHECKS

    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    given.add_argument("--only", default="", help="names of checks, or beginnings of names, separated by commas")
    given.add_argument("--seconds", type=float, default=120.0, help="limit per check")
    given.add_argument("--out", type=Path, help="a file that gets the lines too")
    given.add_argument("--list", action="store_true", help="print the names and what each checks")
    options = given.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    chosen = [name for name in CHECKS if not wanted or any(name.startswith(one) for one in wanted)]
    if not chosen:
        given.error(f"no check is called {options.only}; there are: {', '.join(CHECKS)}")
    if options.list:
        for name in chosen:
            print(f"{name:28} {_about(CHECKS[name])}")
        return 0
    context = _context()
    failed = 0
    for name in chosen:
        line = _run(context, name, options.device, options.seconds)
        failed += line["state"] == "failed"
        text = json.dumps(line)
        print(text, flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
    return failed


def _about(check: Any) -> str:
    return (getattr(check, "func", check).__doc__ or "").splitlines()[0]


def _context() -> Any:
    """Processes that begin with the libraries loaded, or, where loading them reached for the GPU, anew."""
    import importlib

    for name in ("torch", "transformers", "sentence_transformers", "peft", "trl"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
    import torch

    return multiprocessing.get_context("spawn" if torch.cuda.is_initialized() else "fork")


def _run(context: Any, name: str, device: str, seconds: float) -> dict[str, Any]:
    """One check in a process of its own."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(name, device, sender))
    start = time.perf_counter()
    process.start()
    sender.close()
    line: dict[str, Any] = {"check": name, "state": "failed"}
    try:
        if receiver.poll(seconds):
            line |= receiver.recv()
        else:
            line["said"] = f"not done after {seconds:g} s"
    except EOFError:
        process.join(5)
        line["said"] = f"the process ended with {process.exitcode}"
    line["seconds"] = round(time.perf_counter() - start, 1)
    if process.is_alive():
        process.join(5)
    if process.is_alive():
        process.kill()
    process.join()
    return line


def _child(name: str, device: str, sender: Any) -> None:
    import logging
    import warnings

    from gpu_checks import CHECKS, LeftOutError

    from mmrank.errors import MissingExtraError

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.dup2(2, 1)  # trainers print what they log; standard output holds the lines of the checks alone
    try:
        sender.send({"state": "ok", "figures": CHECKS[name](device)})
    except (LeftOutError, ModuleNotFoundError, MissingExtraError) as error:
        sender.send({"state": "left out", "said": str(error)[:300]})
    except BaseException as error:
        traceback.print_exc()
        figures = error.args[1] if isinstance(error, AssertionError) and len(error.args) > 1 else {}
        said = f"{type(error).__name__}: {error.args[0] if figures else error}"
        sender.send({"state": "failed", "figures": figures, "said": " ".join(said.split())[:600]})


if __name__ == "__main__":
    sys.exit(main())
