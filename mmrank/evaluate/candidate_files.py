"""Candidates that another system found, from files and back: JSONL, or a run over a BEIR folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.evaluation import check_writable
from mmrank.evaluate.foreign_candidates import plain_entry, read_mteb_run
from mmrank.evaluate.text_benchmarks import (
    Qrels,
    check_trec_fields,
    load_beir,
    read_trec_run,
    text_figures,
    write_trec_run,
)
from mmrank.rerankers.protocol import AnswerStatus, RankedCandidate, Reranker
from mmrank.types import Candidate, ImageRef, Part, PartKind, Query


@dataclass(frozen=True, slots=True)
class Candidates:
    """Queries and their candidates, best first; judgements where there are some."""

    queries: Mapping[str, str]
    found: Mapping[str, Sequence[Candidate]]
    qrels: Qrels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A reranker's ranking of candidates, and its cost."""

    asked: Candidates
    items: Mapping[str, Sequence[RankedCandidate]]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    unusable: int
    seconds: float

    def report(self) -> dict[str, Any]:
        """Cost, and the figures before and after where there are judgements."""
        report: dict[str, Any] = {
            "queries": len(self.items),
            "seconds": round(self.seconds, 2),
            "calls": self.calls,
            "tokens read": self.prompt_tokens,
            "tokens written": self.completion_tokens,
            "unusable answers": self.unusable,
        }
        if self.asked.qrels:
            before = {query: by_rank(c.id for c in found) for query, found in self.asked.found.items()}
            after = {query: by_rank(item.candidate.id for item in items) for query, items in self.items.items()}
            judged = {query: grades for query, grades in self.asked.qrels.items() if query in before}
            report["before"] = text_figures(before, judged)
            report["after"] = text_figures(after, judged)
        return report


def by_rank(ids: Iterable[str]) -> dict[str, float]:
    """Scores that give this order.

    >>> by_rank(["b", "a"])
    {'b': 1.0, 'a': 0.5}
    """
    return {identifier: 1 / rank for rank, identifier in enumerate(ids, 1)}


def read_candidates(path: Path, beir: Path | None = None) -> Candidates:
    """Read a candidates file.

    Args:
        path: JSONL lines {"id"?, "query", "candidates": [{"id", "text"?, "picture"?, "score"?}, …]}, or with `beir` a
            TREC run or the predictions of MTEB (.json). Candidates may also be documents of LangChain or Haystack, or
            nodes of LlamaIndex, as these write them (`mmrank.evaluate.foreign_candidates`). A picture is a path from
            the folder of this file, for one page "report.pdf#3"; candidates without scores are taken to stand best
            first.
        beir: folder with the queries, texts and judgements that the run refers to.

    Raises:
        InputError: when it is missing or malformed (names the line), or names what the folder does not hold.
    """
    return _from_run(path, beir) if beir is not None else _from_lines(path)


def rerank_all(
    asked: Candidates, reranker: Reranker, *, depth: int = 100, progress: Callable[[int], None] = lambda _: None
) -> Ranked:
    """Rank the first `depth` candidates of every query; the others keep their place behind them.

    Empty candidates are not shown to the reranker and follow those that were.
    """
    items: dict[str, Sequence[RankedCandidate]] = {}
    totals = [0, 0, 0, 0]
    seconds = 0.0
    for query, text in asked.queries.items():
        found = asked.found[query]
        shown = [
            candidate
            for candidate in found[:depth]
            if candidate.text.strip() or any(part.image for part in candidate.parts)
        ]
        ranking = reranker.rerank(Query(text), shown)
        floor = min((item.score for item in ranking.items), default=0.0)
        known = {candidate.id for candidate in shown}
        rest = [candidate for candidate in found if candidate.id not in known]
        tail = (RankedCandidate(candidate, floor - place) for place, candidate in enumerate(rest, 1))
        items[query] = (*ranking.items, *tail)
        unusable = sum(status is AnswerStatus.UNUSABLE for status in ranking.statuses)
        for place, spent in enumerate((ranking.calls, ranking.prompt_tokens, ranking.completion_tokens, unusable)):
            totals[place] += spent
        seconds += ranking.seconds
        progress(len(items))
    return Ranked(asked, items, totals[0], totals[1], totals[2], totals[3], seconds)


def write_ranking(path: Path, ranked: Ranked, *, tag: str) -> None:
    """Write JSONL with reasons where the name ends in .jsonl, else a TREC run.

    Raises:
        InputError: when an id or the tag holds white space, which a TREC run cannot hold.
        MmrankError: when it cannot be written.
    """
    if path.suffix != ".jsonl":
        run = {q: by_rank(item.candidate.id for item in items) for q, items in ranked.items.items()}
        write_trec_run(path, run, tag)
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            for line in _lines(ranked):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise MmrankError(f"the ranking cannot be written to {path}: {error.strerror or error}") from error


def check_output(path: Path, asked: Candidates, tag: str) -> None:
    """Refuse, before a long run, an output that could not be written after it; see `write_ranking`."""
    check_writable(path)
    if path.suffix != ".jsonl":
        check_trec_fields([tag, *asked.queries, *(c.id for found in asked.found.values() for c in found)])


def _lines(ranked: Ranked) -> Iterator[dict[str, Any]]:
    for query, items in ranked.items.items():
        shown = [
            {"id": item.candidate.id, "score": item.score}
            | ({"reasoning": item.reasoning} if item.reasoning is not None else {})
            for item in items
        ]
        yield {"id": query, "query": ranked.asked.queries[query], "candidates": shown}


def _from_lines(path: Path) -> Candidates:
    queries: dict[str, str] = {}
    found: dict[str, list[Candidate]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # other marks may end a line inside a text
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            identifier, query = str(row.get("id", number)), _text(row, "query")
            if not query.strip():
                raise ValueError("the query is empty")
            candidates = _candidates(row["candidates"], path.parent)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{path}, line {number}, is not {{query, candidates: [{{id, text}}]}}: {what}") from error
        if identifier in queries:
            raise InputError(f"{path}, line {number}, names the query {identifier} a second time")
        if len({candidate.id for candidate in candidates}) != len(candidates):
            raise InputError(f"{path}, line {number}, names a candidate twice")
        queries[identifier], found[identifier] = query, candidates
    if not queries:
        raise InputError(f"{path} holds no query")
    return Candidates(queries, {query: _best_first(candidates) for query, candidates in found.items()})


def _from_run(path: Path, beir: Path) -> Candidates:
    benchmark = load_beir(beir)
    run = read_mteb_run(path) if path.suffix == ".json" else read_trec_run(path)
    if not run:
        raise InputError(f"{path} holds no query")
    found: dict[str, Sequence[Candidate]] = {}
    for query, scores in run.items():
        if query not in benchmark.queries:
            raise InputError(f"{path} names the query {query}, which {beir} does not judge")
        lost = next((name for name in scores if name not in benchmark.corpus), None)
        if lost is not None:
            raise InputError(f"{path} names the document {lost}, which {beir} does not hold")
        texts = {name: f"{benchmark.corpus[name].title}\n{benchmark.corpus[name].text}".strip() for name in scores}
        found[query] = _best_first([_of_text(name, texts[name], score) for name, score in scores.items()])
    return Candidates({query: benchmark.queries[query] for query in found}, found, benchmark.qrels)


def _candidates(entries: Sequence[Mapping[str, Any]], folder: Path) -> list[Candidate]:
    entries = [plain_entry(entry, position) for position, entry in enumerate(entries, 1)]
    scored = {"score" in entry for entry in entries}
    if len(scored) == 2:
        raise ValueError("either all candidates of a query have a score or none has")
    # Without scores the order is all that is known.
    ranks = (1 / rank for rank in range(1, len(entries) + 1))
    return [
        _candidate(entry, float(entry["score"]) if scored == {True} else rank, folder)
        for entry, rank in zip(entries, ranks, strict=True)
    ]


def _candidate(entry: Mapping[str, Any], score: float, folder: Path) -> Candidate:
    if not math.isfinite(score):
        raise ValueError(f"the score {score} of candidate {entry['id']}")
    if "picture" not in entry:
        return _of_text(str(entry["id"]), _text(entry, "text"), score)
    name, _, page = _text(entry, "picture").partition("#")
    if not (folder / name).is_file():
        raise ValueError(f"there is no picture {folder / name}")
    picture = ImageRef(str(folder / name), int(page or 1) - 1)
    part = Part(PartKind.IMAGE, _text(entry, "text") if "text" in entry else "", (), picture)
    return Candidate(str(entry["id"]), (part,), score)


def _text(row: Mapping[str, Any], name: str) -> str:
    if not isinstance(row[name], str):
        raise TypeError(f"{name} is no text but {row[name]!r}")
    return str(row[name])


def _of_text(identifier: str, text: str, score: float) -> Candidate:
    return Candidate(identifier, (Part(PartKind.TEXT, text, ()),), score)


def _best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.score)
