"""Candidates that another system found, from files and back: JSONL, or a TREC run over a BEIR folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.text_benchmarks import Qrels, load_beir, read_trec_run, text_figures, write_trec_run
from mmrank.rerankers.protocol import AnswerStatus, RankedCandidate, Reranker
from mmrank.types import Candidate, Part, PartKind, Query


@dataclass(frozen=True, slots=True)
class Candidates:
    """Queries and their candidates, best first; judgements where there are some."""

    queries: Mapping[str, str]
    found: Mapping[str, Sequence[Candidate]]
    qrels: Qrels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a reranker made of candidates, and what it cost."""

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
    """Scores that say an order and nothing else.

    >>> by_rank(["b", "a"])
    {'b': 1.0, 'a': 0.5}
    """
    return {identifier: 1 / rank for rank, identifier in enumerate(ids, 1)}


def read_candidates(path: Path, beir: Path | None = None) -> Candidates:
    """Read a candidates file.

    Args:
        path: JSONL lines {"id"?, "query", "candidates": [{"id", "text", "score"?}, …]}, or with `beir` a TREC run.
        beir: folder with the queries, texts and judgements that the run refers to.

    Raises:
        InputError: when it is missing or malformed (names the line), or names what the folder does not hold.
    """
    return _from_run(path, beir) if beir is not None else _from_lines(path)


def rerank_all(
    asked: Candidates, reranker: Reranker, *, depth: int = 100, progress: Callable[[int], None] = lambda _: None
) -> Ranked:
    """Rank the first `depth` candidates of every query; the others keep their place behind them."""
    items: dict[str, Sequence[RankedCandidate]] = {}
    totals = [0, 0, 0, 0]
    seconds = 0.0
    for query, text in asked.queries.items():
        found = asked.found[query]
        ranking = reranker.rerank(Query(text), found[:depth])
        floor = min((item.score for item in ranking.items), default=0.0)
        tail = (RankedCandidate(candidate, floor - place) for place, candidate in enumerate(found[depth:], 1))
        items[query] = (*ranking.items, *tail)
        unusable = sum(status is AnswerStatus.UNUSABLE for status in ranking.statuses)
        for place, spent in enumerate((ranking.calls, ranking.prompt_tokens, ranking.completion_tokens, unusable)):
            totals[place] += spent
        seconds += ranking.seconds
        progress(len(items))
    return Ranked(asked, items, totals[0], totals[1], totals[2], totals[3], seconds)


def write_ranking(path: Path, ranked: Ranked, *, tag: str) -> None:
    """Write JSONL where the name ends so (with reasons), else a TREC run.

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
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            identifier = str(row.get("id", number))
            query, candidates = str(row["query"]), [_candidate(entry) for entry in row["candidates"]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path}, line {number}, is not {{query, candidates: [{{id, text}}]}}: {type(error).__name__} {error}"
            ) from error
        if identifier in queries:
            raise InputError(f"{path}, line {number}, names the query {identifier} a second time")
        if len({candidate.id for candidate in candidates}) != len(candidates):
            raise InputError(f"{path}, line {number}, names a candidate twice")
        queries[identifier], found[identifier] = query, candidates
    if not queries:
        raise InputError(f"{path} holds no query")
    return Candidates(queries, {query: _best_first(candidates) for query, candidates in found.items()})


def _from_run(path: Path, beir: Path) -> Candidates:
    benchmark, run = load_beir(beir), read_trec_run(path)
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


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    return _of_text(str(entry["id"]), str(entry["text"]), float(entry.get("score", 0.0)))


def _of_text(identifier: str, text: str, score: float) -> Candidate:
    return Candidate(identifier, (Part(PartKind.TEXT, text, ()),), score)


def _best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.score)
