"""Runs on the same questions compared: the differences, and whether they could be chance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.benchmark import Benchmark
from mmrank.evaluate.bootstrap import Figure
from mmrank.evaluate.evaluation import Evaluation, evaluate
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.evaluate.protocol import Setting
from mmrank.evaluate.report import question_values, sample_of, score
from mmrank.evaluate.run_files import Answered, read_run

if TYPE_CHECKING:
    from rich.table import Table

COMPARED = ("page_recall@1", "page_recall@3", "page_recall@5", "page_recall@10", "mrr", "ndcg@5")


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One setting: its figures, and each figure's difference from the first setting's. Both are micro means."""

    name: str
    figures: Mapping[str, Figure]
    differences: Mapping[str, Figure]
    seconds: float


def compare(
    run: Sequence[Answered], other: Sequence[Answered], benchmark: Benchmark, measures: Iterable[str] = COMPARED
) -> dict[str, Figure]:
    """How much better `run` is than `other`, by measure: the micro mean of the differences by question.

    The bootstrap is paired: both runs are drawn with the same documents. Where the interval holds 0, the difference
    could be chance.

    Raises:
        InputError: when a run does not answer exactly the benchmark's questions, or for an unknown measure.
    """
    mine, others = question_values(run, benchmark), question_values(other, benchmark)
    sample = sample_of(benchmark)
    wanted = tuple(measures)
    unknown = [name for name in wanted if name not in mine or name.startswith("layout")]
    if unknown:
        known = ", ".join(name for name in mine if not name.startswith("layout"))
        raise InputError(f"no paired comparison of {unknown[0]!r}; there are: {known}")
    return {name: sample.micro(mine[name] - others[name]) for name in wanted}


def compare_files(run: str | Path, other: str | Path, data: str | Path, *, cache: Path) -> list[AblationRow]:
    """Two run files on the questions that both answer: `other` first, then what `run` changes.

    Raises:
        InputError: when a file is missing or malformed, or they answer no question in common.
    """
    before, after = ({(answer.document, answer.question): answer for answer in read_run(path)} for path in (other, run))
    both = before.keys() & after.keys()
    benchmark = load_mmdocir(data, cache=cache).restricted(both, f"the {len(both)} questions that both answer")
    if not len(benchmark):
        raise InputError(f"{run} and {other} answer no question of {data} in common")
    asked = [(paper.name, question.index) for paper, question in benchmark.questions()]
    first = [before[key] for key in asked]
    return [
        AblationRow(
            str(path),
            {measure: score(found, benchmark, system=str(path)).micro[measure] for measure in COMPARED},
            compare(found, first, benchmark),
            sum(answered.seconds for answered in found),
        )
        for path, found in ((other, first), (run, [after[key] for key in asked]))
    ]


def ablate(
    settings: Sequence[Setting],
    benchmark: Benchmark,
    *,
    measures: Iterable[str] = COMPARED,
    on_evaluated: Callable[[str, Evaluation], None] | None = None,
) -> list[AblationRow]:
    """Evaluate every setting, and compare each with the first.

    Args:
        settings: names and what makes their systems; each is made when its turn comes, and released after it.
        benchmark: what is asked.
        measures: which to compare.
        on_evaluated: called with each setting's name and evaluation, for instance to write its run.

    Raises:
        InputError: without settings, or when two share a name.
    """
    names = [name for name, _ in settings]
    if not names or len(set(names)) != len(names):
        raise InputError(f"an ablation needs settings with names of their own, got {names}")
    rows: list[AblationRow] = []
    first: Evaluation | None = None
    wanted = tuple(measures)
    for name, make in settings:
        evaluation = evaluate(make(), benchmark)
        first = first or evaluation
        if on_evaluated is not None:
            on_evaluated(name, evaluation)
        figures = {measure: evaluation.report.micro[measure] for measure in wanted}
        seconds = evaluation.report.seconds
        rows.append(
            AblationRow(
                name,
                figures,
                compare(evaluation.run, first.run, benchmark, wanted),
                seconds.prepare + seconds.questions if seconds else 0.0,
            )
        )
    return rows


def ablation_table(rows: Sequence[AblationRow], title: str = "Ablation, micro") -> Table:
    """Figures in the first row, differences from it below, in points of 100 with 95 % intervals."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("")
    measures = list(rows[0].figures)
    for measure in measures:
        table.add_column(measure.removeprefix("page_"), justify="right")
    table.add_column("seconds", justify="right")
    for position, row in enumerate(rows):
        cells = [
            f"{row.figures[name].value:.3f}" if position == 0 else difference(row.differences[name])
            for name in measures
        ]
        table.add_row(row.name, *cells, f"{row.seconds:.0f}")
    return table


def difference(figure: Figure) -> str:
    """A difference in points of 100: "+2.1 (−0.3 to +4.6)", bold where the interval does not hold 0."""
    text = f"{_signed(figure.value)} ({_signed(figure.low)} to {_signed(figure.high)})"
    return f"[bold]{text}[/bold]" if figure.low > 0 or figure.high < 0 else text


def write_ablation(path: str | Path, rows: Sequence[AblationRow]) -> None:
    """Write the rows as JSON.

    Raises:
        MmrankError: when it cannot be written.
    """
    try:
        Path(path).write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MmrankError(f"the ablation cannot be written to {path}: {error.strerror or error}") from error


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")
