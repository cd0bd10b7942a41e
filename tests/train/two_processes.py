"""Runs recipes in two processes, as torchrun starts them, one after the other: they load the libraries once.

    torchrun --nproc-per-node 2 tests/train/two_processes.py RUNS.json

RUNS.json lists runs: the arguments of `run_recipe`. Each process writes what it learnt beside the run's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any


def start(folder: Path, runs: list[dict[str, Any]], script: str = __file__) -> None:
    """Run them in two processes of `script`; each leaves what it learnt beside `out`."""
    listed = folder / "runs.json"
    listed.write_text(json.dumps(runs))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "--no-python"]
    done = subprocess.run(
        [*torchrun, sys.executable, script, str(listed)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def learnt(out: Path) -> list[dict[str, dict[str, float]]]:
    """What each process learnt."""
    return [json.loads(Path(f"{out}.rank{rank}.json").read_text()) for rank in (0, 1)]


def main() -> None:
    """Run all, and write what this process learnt of each."""
    from mmrank.train.loading import run_recipe
    from mmrank.train.trainers import ranks

    for run in json.loads(Path(sys.argv[1]).read_text()):
        recipe, out = run.pop("recipe"), Path(run.pop("out"))
        try:
            report = run_recipe(recipe, out=out, **run)
            said = {"before": dict(report.before), "after": dict(report.after)}
        except Exception as error:
            traceback.print_exc()
            said = {"error": f"{type(error).__name__}: {error}"}
        with Path(f"{out}.rank{ranks.rank()}.json").open("w") as file:
            json.dump(said, file)
        if "error" in said:
            sys.exit(1)


if __name__ == "__main__":
    main()
