"""Trains and judges a reader on one GPU within a number of minutes: one line of JSON per arm.

    python tools/reader_gpu.py pack qwen.gguf --out send                     # the base model in pieces of 48 MB
    python tools/reader_gpu.py run reader.yaml --base send --out out --minutes 12
    python tools/reader_gpu.py run --variant small --device cpu --out out    # a try, in a minute

`reader.yaml` names the data (`mmrank train data squad`, `tatqa` and `pages` make them; docs/training.md). `--base` is a
folder that transformers loads, or one of pieces: a GGUF file of four bits is put together, checked by its hash, and
written as bfloat16. An arm that is not done when the time is up is stopped and says so; `--resume` goes on at its last
checkpoint, and keeps the folds that were judged. `--arms sft,cl` runs these alone.

A line holds `arm`, `state` (done, stopped, failed or left out), `device`, `minutes` and, of an arm that is done, its
line of the recipe's table.jsonl. The lines are kept in `lines.jsonl` in `--out`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")

LIST = "pieces.json"


def main() -> int:
    """Pack or run; the exit code is the number of arms that are not done."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = given.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="cut a file into pieces")
    packing.add_argument("file", type=Path)
    packing.add_argument("--out", type=Path, required=True)
    packing.add_argument("--megabytes", type=int, default=48)
    running = commands.add_parser("run", help="train and judge all arms")
    running.add_argument("config", type=Path, nargs="?", help="settings of the recipe, as YAML")
    running.add_argument("--base", type=Path, help="folder of the base model, or of its pieces")
    running.add_argument("--variant", default="gpu", help="of the recipe")
    running.add_argument("--arms", default="", help="separated by commas; by default those of the settings")
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--minutes", type=float, default=12.0)
    running.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    running.add_argument("--resume", action="store_true")
    options = given.parse_args()
    if options.command == "pack":
        return pack(options.file, options.out, options.megabytes * 1_000_000)
    return run(options)


def pack(file: Path, out: Path, size: int) -> int:
    """Write pieces of a file, and a list of them with its hash."""
    out.mkdir(parents=True, exist_ok=True)
    digest, names = hashlib.sha256(), []
    with file.open("rb") as source:
        while piece := source.read(size):
            digest.update(piece)
            names.append(f"piece-{len(names):02d}")
            (out / names[-1]).write_bytes(piece)
    (out / LIST).write_text(json.dumps({"name": file.name, "sha256": digest.hexdigest(), "pieces": names}))
    print(f"{len(names)} pieces of {file.name}: {out}")
    return 0


def joined(folder: Path, out: Path) -> Path:
    """The folder of a base model whose pieces are in `folder`, in bfloat16."""
    made = out / "base"
    if (made / "config.json").is_file():
        return made
    listed = json.loads((folder / LIST).read_text())
    whole, digest = out / listed["name"], hashlib.sha256()
    out.mkdir(parents=True, exist_ok=True)
    with whole.open("wb") as file:
        for name in listed["pieces"]:
            piece = (folder / name).read_bytes()
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != listed["sha256"]:
        raise SystemExit(f"the pieces in {folder} are not {listed['name']}: their hash differs")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(out, gguf_file=whole.name, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(out, gguf_file=whole.name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    whole.unlink()
    return made


def run(options: argparse.Namespace) -> int:
    """Run each arm in a process of its own until the time is up."""
    from mmrank.train.recipes.reader import ReaderConfig
    from mmrank.train.trainers.settings import load_config

    deadline = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    changes: dict[str, Any] = {}
    if options.base is not None:
        packed = (options.base / LIST).is_file()
        changes["base"] = str(joined(options.base, options.out) if packed else options.base)
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    config = load_config(ReaderConfig, "reader", config=options.config, variant=options.variant, changes=changes)
    arms = options.arms.split(",") if options.arms else list(config.arms)
    context = multiprocessing.get_context("fork")
    missing = 0
    for arm in arms:
        begun = time.monotonic()
        line: dict[str, Any] = {"arm": arm, "state": "left out"}
        if begun < deadline:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(arm, options, changes, sender))
            process.start()
            sender.close()
            line["state"] = "stopped"
            try:
                if receiver.poll(max(deadline - begun, 0)):
                    line |= receiver.recv()
            except EOFError:
                line["state"] = "failed"
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
        line["minutes"] = round((time.monotonic() - begun) / 60, 2)
        missing += line["state"] != "done"
        print(json.dumps(line), flush=True)
        with (options.out / "lines.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return missing


def _child(arm: str, options: argparse.Namespace, changes: dict[str, Any], sender: Any) -> None:
    os.dup2(2, 1)  # trainers print what they log; standard output holds the lines of the arms alone
    import torch

    from mmrank.train.loading import run_recipe

    out = options.out / "run"
    try:
        run_recipe(
            "reader",
            config=options.config,
            variant=options.variant,
            out=out,
            resume=options.resume and any((out / arm.replace("+", "_")).rglob("checkpoint-*")),
            arms=[arm],
            **changes,
        )
    except Exception as error:
        sender.send({"state": "failed", "said": " ".join(f"{type(error).__name__}: {error}".split())[:400]})
        raise
    [row] = map(json.loads, (out / "table.jsonl").read_text(encoding="utf-8").splitlines())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    sender.send({"state": "done", "device": device, **row})


if __name__ == "__main__":
    sys.exit(main())
