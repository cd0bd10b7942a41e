"""Does the main claim of each training paper show on a tiny model? Prints one line per run, then JSON.

    python benchmarks/training.py rank_r1 mm_r5 prorank sft_vs_cl

The model has some 200 thousand weights. The task is invented (`mmrank.train.data.toy`) and says nothing about real
documents. RL alone starts from a model that learnt only the form of an answer, from examples with random labels: with
random weights no answer would ever earn a reward.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.data.toy import toy_examples
from mmrank.train.loading import run_recipe

Figures = Mapping[str, float]


def random_relevance(examples: Sequence[RankingExample], seed: int = 0) -> list[RankingExample]:
    """The same candidates, a random one of them labelled as relevant."""
    rng = random.Random(seed)
    made = []
    for example in examples:
        texts = [*example.positives, *example.negatives]
        rng.shuffle(texts)
        made.append(replace(example, positives=(texts[0],), negatives=tuple(texts[1:])))
    return made


def reasoning(recipe: str, out: Path, say: Callable[[str, Figures], None], kinds: int, candidates: int) -> None:
    """The form alone, SFT, RL, and RL after SFT."""
    train = toy_examples(3000, candidates=candidates, kinds=kinds)
    held_out = toy_examples(100, candidates=candidates, kinds=kinds, held_out=True)
    paths = {name: out / f"{name}.jsonl" for name in ("train", "form", "held_out")}
    for name, examples in (("train", train), ("form", random_relevance(train)), ("held_out", held_out)):
        write_examples(paths[name], examples)

    def start(base: Path | str, stage: str, examples: str, name: str) -> Path:
        source = {"toy": 0, "examples": paths[examples], "held_out": paths["held_out"], "held_out_limit": 100}
        report = run_recipe(recipe, variant="toy", out=out / name, base=str(base), source=source, stages=[stage])
        if name == "form":
            say("form alone", report.after)
        else:
            say(name, report.after)
        return out / name / "model"

    form = start("tiny", "sft", "form", "form")
    imitated = start("tiny", "sft", "train", "SFT")
    start(form, "rl", "train", "RL")
    start(imitated, "rl", "train", "SFT, then RL")


def prorank(out: Path, say: Callable[[str, Figures], None]) -> None:
    """Before, after the warm-up, after fine scores."""
    report = run_recipe("prorank", variant="toy", out=out)
    stages = {"before": "", "warm-up": "warm_"}
    for title, prefix in stages.items():
        say(title, {name: report.before[f"{prefix}{name}"] for name in report.after})
    say("fine scores", report.after)


def sft_vs_cl(out: Path, say: Callable[[str, Figures], None]) -> None:
    """Weight + direction."""
    report = run_recipe("sft_vs_cl", variant="toy", out=out)
    say("before", {name: value for name, value in report.before.items() if name != "loss"})
    for name, value in report.after.items():
        if name.endswith("recall"):
            combination = name.removesuffix(" recall")
            say(combination, {"recall": value, "mrr": report.after[f"{combination} mrr"]})


PAPERS: dict[str, Callable[[Path, Callable[[str, Figures], None]], None]] = {
    "rank_r1": lambda out, say: reasoning("rank_r1", out, say, kinds=2, candidates=4),
    "mm_r5": lambda out, say: reasoning("mm_r5", out, say, kinds=1, candidates=3),
    "prorank": prorank,
    "sft_vs_cl": sft_vs_cl,
}


def main() -> None:
    """Run the papers that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("papers", nargs="*", metavar="PAPER", help=f"of {', '.join(PAPERS)}; all by default")
    parser.add_argument("--out", type=Path, help="folder for the runs; a temporary one by default")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.papers) - set(PAPERS)):
        parser.error(f"there is no {', '.join(unknown)}; choose from {', '.join(PAPERS)}")
    found: dict[str, dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for paper in chosen.papers or PAPERS:
            begun = time.monotonic()
            shown: dict[str, Figures] = {}

            def say(title: str, figures: Figures) -> None:
                shown[title] = dict(figures)  # noqa: B023
                listed = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
                print(f"{paper}: {title}: {listed}", flush=True)  # noqa: B023

            PAPERS[paper]((chosen.out or Path(temporary)) / paper, say)
            found[paper] = shown
            print(f"{paper}: {time.monotonic() - begun:.0f} s", flush=True)
    print(json.dumps({"benchmark": "training", "figures": found}))


if __name__ == "__main__":
    main()
