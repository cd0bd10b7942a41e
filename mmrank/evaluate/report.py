"""A run against a benchmark: the figures of MMDocIR's protocol, as tables and as JSON.

Candidates are the pages of the question's own document. Micro is the mean over questions, macro the mean over the
domains that occur. A question counts under every kind it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion, Paper, Region
from mmrank.evaluate.bootstrap import Figure, Sample, Values
from mmrank.evaluate.metrics import (
    best_recall,
    covered_recall,
    layout_recall,
    ndcg,
    order,
    page_shares,
    recall,
    reciprocal_rank,
)
from mmrank.evaluate.run_files import Answered

PAGE_CUTOFFS = (1, 3, 5, 10)
LAYOUT_CUTOFFS = (1, 5, 10)
UNKNOWN_KIND = "not given"


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall time in seconds."""

    prepare: float
    questions: float
    slowest_question: float


@dataclass(frozen=True, slots=True)
class Report:
    """Figures by measure. `by_domain` and `by_kind` are micro means within each."""

    system: str
    benchmark: str
    documents: int
    questions: int
    micro: Mapping[str, Figure]
    macro: Mapping[str, Figure]
    best: Mapping[str, float]
    """What a perfect ranking of the pages would reach, micro: some questions have more gold pages than k."""
    by_domain: Mapping[str, Mapping[str, Figure]]
    by_kind: Mapping[str, Mapping[str, Figure]]
    stages: Mapping[str, int]
    """How many questions each stage answered, where the system says so."""
    notes: tuple[str, ...] = ()
    seconds: Seconds | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self)


def score(
    run: Sequence[Answered], benchmark: Benchmark, *, system: str = "run", seconds: Seconds | None = None
) -> Report:
    """The figures of a run.

    Raises:
        InputError: when the run does not answer exactly the benchmark's questions, or a ranking does not fit its
            document; names the first one.
    """
    values = question_values(run, benchmark)
    asked = list(benchmark.questions())
    everything = list(range(len(asked)))

    def figures(chosen: Sequence[int], mean: Callable[[Sample, Values], Figure]) -> dict[str, Figure]:
        return {
            name: mean(_sample(asked, usable), column[usable])
            for name, column in values.items()
            if (usable := [at for at in chosen if not np.isnan(column[at])])
        }

    by_domain = {
        domain: [at for at in everything if asked[at][0].domain == domain]
        for domain in dict.fromkeys(paper.domain for paper, _ in asked)
    }
    kinds = Counter(kind for _, question in asked for kind in question.kinds or (UNKNOWN_KIND,))
    by_kind = {
        kind: [at for at in everything if kind in (asked[at][1].kinds or (UNKNOWN_KIND,))]
        for kind, _ in kinds.most_common()
    }
    best = {
        f"page_recall@{k}": float(
            np.mean([best_recall(paper.page_count, question.pages, k) for paper, question in asked])
        )
        for k in PAGE_CUTOFFS
    }
    return Report(
        system=system,
        benchmark=benchmark.name,
        documents=len({paper.name for paper, _ in asked}),
        questions=len(asked),
        micro=figures(everything, Sample.micro),
        macro=figures(everything, Sample.macro),
        best=best,
        by_domain={name: figures(chosen, Sample.micro) for name, chosen in by_domain.items()},
        by_kind={name: figures(chosen, Sample.micro) for name, chosen in by_kind.items()},
        stages=dict(Counter(answered.ranking.stage for answered in run if answered.ranking.stage)),
        notes=(*benchmark.notes, *_failures(run)),
        seconds=seconds,
    )


def question_values(run: Sequence[Answered], benchmark: Benchmark) -> dict[str, Values]:
    """Every measure of every question, in the benchmark's order: name → (questions,). NaN where it is not defined.

    Raises:
        InputError: as `score` does.
    """
    answers = _aligned(run, benchmark)
    rows = [
        _measure(paper, question, answered)
        for (paper, question), answered in zip(benchmark.questions(), answers, strict=True)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def sample_of(benchmark: Benchmark) -> Sample:
    """The benchmark's questions as a sample."""
    asked = list(benchmark.questions())
    return _sample(asked, range(len(asked)))


def _sample(asked: Sequence[tuple[Paper, BenchmarkQuestion]], chosen: Sequence[int]) -> Sample:
    return Sample([asked[at][0].name for at in chosen], [asked[at][0].domain for at in chosen])


def _aligned(run: Sequence[Answered], benchmark: Benchmark) -> list[Answered]:
    answers = {(answered.document, answered.question): answered for answered in run}
    aligned = []
    for paper, question in benchmark.questions():
        key = (paper.name, question.index)
        answered = answers.pop(key, None)
        if answered is None:
            raise InputError(f"the run does not answer question {question.index} of {paper.name}")
        pages = len(answered.ranking.page_scores)
        if pages != paper.page_count and not answered.error:
            raise InputError(
                f"the run scores {pages} pages for question {question.index} of {paper.name}, "
                f"which has {paper.page_count} pages"
            )
        for layout in answered.ranking.layouts:
            if layout.page >= paper.page_count:
                raise InputError(
                    f"the run finds a layout on page index {layout.page} for question {question.index} of "
                    f"{paper.name}, which has {paper.page_count} pages"
                )
        aligned.append(answered)
    if answers:
        document, index = next(iter(answers))
        raise InputError(
            f"the run answers {len(answers)} questions that are not in the benchmark, first question {index} of "
            f"{document}; evaluate with the limit the run was made with"
        )
    return aligned


def _measure(paper: Paper, question: BenchmarkQuestion, answered: Answered) -> dict[str, float]:
    ranked = order(answered.ranking.page_scores)
    row = {f"page_recall@{k}": recall(ranked, question.pages, k) for k in PAGE_CUTOFFS}
    row["mrr"] = reciprocal_rank(ranked, question.pages)
    row |= {f"ndcg@{k}": ndcg(ranked, question.pages, k) for k in (5, 10)}
    found = [Region(layout.page, layout.box) for layout in answered.ranking.layouts]
    for k in LAYOUT_CUTOFFS:
        defined = bool(question.regions)
        row[f"layout_recall@{k}"] = layout_recall(found, question.regions, k) if defined else np.nan
        row[f"layout_covered@{k}"] = covered_recall(found, question.regions, k) if defined else np.nan
        row[f"layout_page_share@{k}"] = page_shares(found, paper.page_sizes, k) if defined and found else np.nan
    return row


def _failures(run: Sequence[Answered]) -> list[str]:
    failed = [answered for answered in run if answered.error]
    if not failed:
        return []
    first = failed[0]
    return [
        f"{len(failed)} questions could not be answered and score 0; "
        f"first, question {first.question} of {first.document}: {first.error}"
    ]
