"""What each family of rerankers costs, with SmolLM2-135M as the common model and the same candidates.

    python benchmarks/rerank.py [--data ../shared/mmdocir] [--questions 2] [--cascades 24] [--also-smollm2]

The folder holds `annotations.jsonl` and `documents/` as the MMDocIR sample does; docs/results.md has the figures of
this command by its defaults. All models run on one thread, and times are seconds of the processor: other work on the
machine changes them little. With `--made-up` texts are random words: a selector cannot tell their windows apart, so
that cascades are slower and agree less.
Prints a table, and as the last line one JSON object: {"benchmark": "rerank", "ratios": {…}}.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

from mmrank.encoders.minilm import MiniLM, MiniLMTokens
from mmrank.llm.loading import load_chat_model
from mmrank.llm.smollm2 import NAME, transformers_folder
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers import Ranking, Reranker
from mmrank.rerankers.answering import Thinking
from mmrank.rerankers.attention import Attention
from mmrank.rerankers.compose import Cascade, DualStage
from mmrank.rerankers.document_cascade import DocumentCascade
from mmrank.rerankers.explain import Explainer
from mmrank.rerankers.late_interaction import LateInteraction
from mmrank.rerankers.likelihood import Likelihood
from mmrank.rerankers.listwise import Listwise
from mmrank.rerankers.minilm_selector import MiniLMSelector
from mmrank.rerankers.pointwise import Pointwise
from mmrank.rerankers.prompts import ZERO_ONE
from mmrank.rerankers.selector import LexicalSelector
from mmrank.rerankers.setwise import Setwise
from mmrank.types import Candidate, Part, PartKind, Query

PAGE_WORDS = 180
DOCUMENT_WORDS = 1_500
Task = tuple[Query, list[Candidate]]


def texts_of(folder: Path | None, count: int) -> tuple[list[str], list[str]]:
    """Questions and the beginnings of documents: real ones from a folder, else made up."""
    if folder is None:
        dice = random.Random(0)
        words = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("rin", "sol", "tex", "ner")]
        documents = [" ".join(dice.choices(words, k=DOCUMENT_WORDS)) for _ in range(12)]
        return [" ".join(dice.sample(words, 8)) for _ in range(count)], documents
    import pymupdf

    rows = [json.loads(line) for line in (folder / "annotations.jsonl").read_text().splitlines()]
    questions = [asked for row in rows for asked in questions_in(row)]
    documents = []
    for path in sorted((folder / "documents").rglob("*.pdf")):
        with pymupdf.open(path) as file:
            found: list[str] = []
            for page in file:
                found += page.get_text().split()
                if len(found) >= DOCUMENT_WORDS:
                    documents.append(" ".join(found[:DOCUMENT_WORDS]))
                    break
    return questions[:: max(1, len(questions) // count)][:count], documents


def questions_in(row: dict[str, object]) -> list[str]:
    """The questions of one line of the annotations."""
    asked = row.get("questions") or [row]
    return [str(one.get("Q") or one.get("question") or one.get("query")) for one in asked]  # type: ignore[attr-defined]


def tasks_of(questions: Sequence[str], documents: Sequence[str]) -> tuple[list[Task], list[Task]]:
    """For each question ten pages, and ten documents, the lexically nearest first."""
    selector = LexicalSelector()
    pages = [
        " ".join(words[i : i + PAGE_WORDS])
        for words in (text.split() for text in documents)
        for i in range(0, len(words) - PAGE_WORDS, PAGE_WORDS)
    ]
    found: list[list[Task]] = []
    for texts in (pages, list(documents)):
        tasks = []
        for question in questions:
            [scores] = selector.select(question, [texts])
            best = sorted(range(len(texts)), key=lambda i: -scores[i])[:10]
            tasks.append(
                (
                    Query(question),
                    [Candidate(str(i), (Part(PartKind.TEXT, texts[i], ()),), float(scores[i])) for i in best],
                )
            )
        found.append(tasks)
    return found[0], found[1]


def shortened(candidate: Candidate, words: int) -> Candidate:
    """A candidate's first words."""
    return replace(candidate, parts=(Part(PartKind.TEXT, " ".join(candidate.text.split()[:words]), ()),))


def timed(reranker: Reranker, query: Query, candidates: list[Candidate]) -> Ranking:
    """A ranking with the seconds of the processor that it took."""
    begun = time.process_time()
    ranking = reranker.rerank(query, candidates)
    return replace(ranking, seconds=time.process_time() - begun)


def run(reranker: Reranker, tasks: Sequence[Task]) -> list[Ranking]:
    """Rank each task."""
    return [timed(reranker, *task) for task in tasks]


def seconds(rankings: Sequence[Ranking]) -> float:
    """Median seconds per query."""
    return statistics.median(ranking.seconds for ranking in rankings)


def same_top(first: Sequence[Ranking], second: Sequence[Ranking], size: int = 5) -> tuple[float, float]:
    """How often two rankings have the same top, and which share of it they have in common on average."""
    tops = [
        [{item.candidate.id for item in ranking.items[:size]} for ranking in pair]
        for pair in zip(first, second, strict=True)
    ]
    return (
        statistics.mean(float(a == b) for a, b in tops),
        statistics.mean(len(a & b) / max(len(a), 1) for a, b in tops),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("../shared/mmdocir"), help="a folder like the MMDocIR sample")
    parser.add_argument("--made-up", action="store_true", help="random words in place of the folder's")
    parser.add_argument("--think", type=int, default=96, help="upper bound of a listwise answer's thoughts, in tokens")
    parser.add_argument("--words", type=int, default=80, help="words per candidate")
    parser.add_argument("--cascades", type=int, default=24, help="questions for the cascade within documents")
    parser.add_argument("--also-smollm2", action="store_true", help="a cascade before pointwise, too: two minutes")
    arguments = parser.parse_args()
    if not arguments.made_up and not (arguments.data / "annotations.jsonl").is_file():
        parser.error(f"{arguments.data} holds no annotations.jsonl; name another folder with --data, or use --made-up")
    folder = None if arguments.made_up else arguments.data
    pages, long = tasks_of(*texts_of(folder, max(arguments.questions, arguments.cascades)))
    pages = [(query, [shortened(c, arguments.words) for c in found]) for query, found in pages[: arguments.questions]]
    long = long[: arguments.cascades]

    torch_model = TransformersChat.load(transformers_folder(), name=NAME)
    uncached = TransformersChat(torch_model.model, torch_model.tokenizer, name=NAME, cache_prefixes=False)
    llama = load_chat_model("smollm2", context_tokens=8192, threads=1)
    tokens = LateInteraction(MiniLMTokens(MiniLM()))
    point = Pointwise(torch_model, prompt=ZERO_ONE)
    thinking, silent = Thinking(tokens=arguments.think), Thinking(tokens=0)
    families: dict[str, Reranker] = {
        "late interaction, MiniLM": tokens,
        "likelihood": Likelihood(torch_model),
        "pointwise": point,
        "pointwise, no prefix cache": Pointwise(uncached, prompt=ZERO_ONE),
        "pointwise, llama.cpp": Pointwise(llama, prompt=ZERO_ONE),
        "cascade to 4, MiniLM then pointwise": Cascade(tokens, point, keep=4),
        "attention (ICR)": Attention(torch_model),
        "listwise with reasons": Listwise(torch_model, words=12, thinking=thinking),
        "listwise with reasons, no prefix cache": Listwise(uncached, words=12, thinking=thinking),
        "listwise with reasons, llama.cpp": Listwise(llama, words=12, thinking=thinking),
        "listwise, ids alone": Listwise(torch_model, thinking=silent),
        "setwise top 3, labels alone": Setwise(torch_model, top=3, thinking=silent),
        "dual stage, ids alone": DualStage(point, Listwise(torch_model, style="chain", thinking=silent)),
    }
    run(point, pages[:1])
    print(
        f"{len(pages)} queries, 10 candidates of {arguments.words} words each; seconds of the processor in the median,"
        " means of the rest"
    )
    print(f"{'':42}{'seconds':>9}{'calls':>7}{'read':>8}{'written':>9}")
    found = {}
    for name, reranker in families.items():
        found[name] = run(reranker, pages)
        calls, read, written = (
            statistics.mean(getattr(ranking, field) for ranking in found[name])
            for field in ("calls", "prompt_tokens", "completion_tokens")
        )
        print(f"{name:42}{seconds(found[name]):9.2f}{calls:7.1f}{read:8.0f}{written:9.0f}", flush=True)

    ratios: dict[str, float] = {
        "icr_over_listwise_latency": seconds(found["attention (ICR)"]) / seconds(found["listwise with reasons"]),
        "icr_over_ids_alone_latency": seconds(found["attention (ICR)"]) / seconds(found["listwise, ids alone"]),
        "prefix_cache_pointwise_speedup": seconds(found["pointwise, no prefix cache"]) / seconds(found["pointwise"]),
        "prefix_cache_listwise_speedup": seconds(found["listwise with reasons, no prefix cache"])
        / seconds(found["listwise with reasons"]),
    }
    cascades: list[tuple[str, Reranker, list[Task]]] = [("", tokens, long)]
    if arguments.also_smollm2:
        cascades.append(("smollm2_", point, long[:1]))
    for name, expensive, tasks in cascades:
        known = MiniLMSelector()
        chosen, whole = DocumentCascade(known, expensive, top=5), DocumentCascade(known, expensive, keep=0)
        unknown = [timed(DocumentCascade(MiniLMSelector(), expensive, top=5), *task) for task in tasks[:6]]
        run(chosen, tasks)  # so that the selector knows all windows, as an index would
        pairs = [(timed(chosen, *task), timed(whole, *task)) for task in tasks]
        few, every = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        equal, shared = same_top(few, every)
        ratios[f"{name}cascade_speedup"] = statistics.median(b.seconds / a.seconds for a, b in pairs)
        ratios[f"{name}cascade_speedup_unknown_documents"] = seconds(every[:6]) / seconds(unknown)
        ratios[f"{name}cascade_same_top5"] = equal
        ratios[f"{name}cascade_shared_top5"] = shared
        print(
            f"cascade within 10 documents of {DOCUMENT_WORDS} words, {expensive.name}: {seconds(few):.2f} s for few"
            f" windows, {seconds(every):.2f} s for all; same top 5 {equal:.2f}, shared {shared:.2f}"
        )
    begun = time.process_time()
    first = None
    for _ in Explainer(llama).explain(pages[0][0], pages[0][1][:5]):
        first = first or time.process_time() - begun
    print(f"reasons for 5 hits: first after {first:.2f} s, all after {time.process_time() - begun:.2f} s")
    print(json.dumps({"benchmark": "rerank", "ratios": {name: round(value, 3) for name, value in ratios.items()}}))


if __name__ == "__main__":
    main()
