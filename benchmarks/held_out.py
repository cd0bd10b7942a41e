"""How often does a reranker put the right one of a few candidates first, on examples held out of training?

    python benchmarks/held_out.py listwise listwise,by=answer late-interaction \
        --examples data/squad/held_out.jsonl data/tatqa/held_out.jsonl

A reranker is a name as `load_reranker` takes it, with settings after commas. Prints one line per reranker, then JSON.
`complete` is the share of a language model's answers that needed no repair.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

from mmrank.cli.find import reranker_settings
from mmrank.rerankers import AnswerStatus, load_reranker
from mmrank.train.data.examples import RankingExample, read_examples
from mmrank.types import Candidate, Part, PartKind, Query

Case = tuple[str, list[str], set[str]]


def cases(files: Sequence[Path], limit: int, candidates: int) -> list[Case]:
    """Question, shuffled candidates, and the relevant ones among them; equally many from each file."""
    rng = random.Random(0)
    several: list[list[RankingExample]] = []
    for path in files:
        examples = [e for e in read_examples(path) if len(e.negatives) >= candidates - 1]
        rng.shuffle(examples)
        several.append(examples)
    made: list[Case] = []
    for example in chain.from_iterable(zip_longest(*several)):
        if example is None or len(made) == limit:
            continue
        negatives = [text for text in dict.fromkeys(example.negatives) if text not in example.positives]
        texts = [example.positives[0], *negatives[: candidates - 1]]
        rng.shuffle(texts)
        made.append((example.query, texts, {example.positives[0]}))
    return made


def measured(reranker: str, asked: Sequence[Case]) -> dict[str, float]:
    """Recall@1 with its standard error, mean reciprocal rank, share of complete answers, seconds per question."""
    name, *settings = reranker.split(",")
    ranker = load_reranker(name, **reranker_settings(settings))
    recall = reciprocal = seconds = 0.0
    statuses: list[AnswerStatus] = []
    for query, texts, relevant in asked:
        shown = [Candidate(str(i), (Part(PartKind.TEXT, text, ("e",)),), 0.0) for i, text in enumerate(texts)]
        begun = time.perf_counter()
        ranking = ranker.rerank(Query(query), shown)
        seconds += time.perf_counter() - begun
        statuses += ranking.statuses
        places = [rank for rank, item in enumerate(ranking.items, 1) if texts[int(item.candidate.id)] in relevant]
        recall += places[0] == 1
        reciprocal += 1 / places[0]
    count = len(asked)
    share = recall / count
    found = {"recall": share, "error": math.sqrt(share * (1 - share) / count), "mrr": reciprocal / count}
    if statuses:
        found["complete"] = sum(status is AnswerStatus.COMPLETE for status in statuses) / len(statuses)
    return {**found, "seconds": seconds / count}


def main() -> None:
    """Measure the rerankers that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rerankers", nargs="+", metavar="RERANKER[,SETTING=VALUE…]")
    parser.add_argument("--examples", nargs="+", type=Path, required=True, help="files that `mmrank train data` wrote")
    parser.add_argument("--limit", type=int, default=160, help="questions, at most")
    parser.add_argument("--candidates", type=int, default=4, help="per question")
    chosen = parser.parse_args()
    asked = cases(chosen.examples, chosen.limit, chosen.candidates)
    figures = {}
    for reranker in chosen.rerankers:
        figures[reranker] = measured(reranker, asked)
        listed = ", ".join(f"{name} {value:.3f}" for name, value in figures[reranker].items())
        print(f"{reranker}: {listed} ({len(asked)} questions)", flush=True)
    print(json.dumps({"benchmark": "held_out", "figures": figures}))


if __name__ == "__main__":
    main()
