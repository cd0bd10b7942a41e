"""Does what a hit shows hold the answer? Its first box, its first three boxes, and its snippet.

Two kinds of gold are used. *Boxes*, where the benchmark has them (MMDocIR's layout boxes): a box of the hit holds the
answer when it covers half of a gold box or lies within one. *Answers*, where the questions have them: a box holds the
answer when the file's own words inside the box contain it, numbers compared without separators and units. Questions
whose answer does not stand on any gold page, because it is computed or described, are left out of the second kind.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.evaluate.bootstrap import Figure, micro_figures
from mmrank.evaluate.collection_data import json_lines, load_collection_benchmark
from mmrank.pictures import PYMUPDF_LOCK
from mmrank.types import BBox, Document, Hit

if TYPE_CHECKING:
    from rich.table import Table

    from mmrank.collection import Collection

COVERED = 0.5
"""Share of a gold box that a box must cover …"""
WITHIN = 0.9
"""… or share of the box that must lie within a gold box."""

_TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[^\W\d_]+")
_UNITS = frozenset("percent per cent usd dollars thousand million millions billion billions mn bn m bn".split())
_LONGEST = 8
"""An answer of more words is a sentence; then its first number is what must be found."""


@dataclass(frozen=True, slots=True)
class EvidenceQuestion:
    """A question with what is known of its answer.

    `boxes` holds the gold boxes by page (0-based) of the document; `pooled` says whether it can be asked to the whole
    collection.
    """

    text: str
    document: str
    pages: frozenset[int]
    answer: str
    boxes: Mapping[int, tuple[BBox, ...]]
    pooled: bool


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """Figures by what was ranked ("document given", …) and by measure."""

    benchmark: str
    figures: Mapping[str, Mapping[str, Figure]]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "benchmark": self.benchmark,
            "figures": {
                asked: {
                    name: {"value": one.value, "low": one.low, "high": one.high, "questions": one.questions}
                    for name, one in row.items()
                }
                for asked, row in self.figures.items()
            },
        }


def load_evidence_questions(folder: Path, *, cache: Path) -> list[EvidenceQuestion]:
    """The questions of a folder that `mmrank eval collection` takes, with their answers or boxes.

    Raises:
        InputError: where the questions have neither; see also `load_collection_benchmark`.
    """
    pooled = load_collection_benchmark(folder, cache=cache)
    if (folder / "annotations.jsonl").is_file():
        from mmrank.evaluate.mmdocir import load_mmdocir

        named = {question.id for question in pooled.questions}
        made = []
        for paper, question in load_mmdocir(folder, cache=cache / "mmdocir").questions():
            boxes: dict[int, tuple[BBox, ...]] = {}
            for region in question.regions:
                boxes[region.page] = (*boxes.get(region.page, ()), region.box)
            key = f"{paper.name}#{question.index}"
            made.append(
                EvidenceQuestion(question.text, paper.name, question.pages, question.answer, boxes, key in named)
            )
        return made
    if not (folder / "questions.jsonl").is_file():
        raise InputError(f"{folder} holds neither questions.jsonl nor annotations.jsonl; they say what the answers are")
    answers = [str(row.get("answer", "")) for _, row in json_lines(folder / "questions.jsonl")]
    if not any(answers):
        raise InputError(f"{folder / 'questions.jsonl'}: no question has an answer")
    return [
        EvidenceQuestion(
            question.text, min(question.documents), frozenset(page for _, page in question.pages), answer, {}, True
        )
        for question, answer in zip(pooled.questions, answers, strict=True)
    ]


def evaluate_evidence(
    library: Collection,
    name: str,
    questions: Sequence[EvidenceQuestion],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> EvidenceReport:
    """Ask each question to its document, and to the whole collection, and look at the first page where it is right.

    A third row looks at the best-ranked gold page, whatever its rank: more questions, for comparing ways to choose
    boxes.
    """
    from mmrank.retrieve.hits import page_hit

    rows: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for done, question in enumerate(questions, start=1):
        ranking = library.rank_document(question.document, question.text)
        order = [int(page) for page in ranking.order()]
        document = library.document(question.document)
        gold = next((page for page in order if page in question.pages), None)
        if gold is not None:
            found = held(question, document, page_hit(ranking, gold))
            rows.setdefault("gold page given", []).append((question.document, found))
            if gold == order[0]:
                rows.setdefault("document given, first page right", []).append((question.document, found))
        if question.pooled:
            (hit,) = library.search(question.text, k=1)
            if hit.document == question.document and hit.page in question.pages:
                found = held(question, document, hit)
                rows.setdefault("whole collection, first page right", []).append((question.document, found))
        if progress is not None:
            progress(done, len(questions))
    return EvidenceReport(name, {asked: micro_figures(made) for asked, made in rows.items()})


def held(question: EvidenceQuestion, document: Document, hit: Hit) -> dict[str, float]:
    """Whether the hit's first box, first three boxes and snippet hold the answer; only what can be said.

    A box of the whole page would hold every answer, so the share of the page that the first box covers is given too.
    """
    shown = document.pages[hit.page]
    found = {"first box, share of the page": sum(box.area for box in hit.boxes[:1]) / (shown.width * shown.height)}
    if gold := question.boxes.get(hit.page):
        matching = [any(_matches(box, one) for one in gold) for box in hit.boxes[:3]]
        found["first box on a gold box"] = float(any(matching[:1]))
        found["a box of three on a gold box"] = float(any(matching))
    whole = page_text(document.path, hit.page) + "\n" + "\n".join(element.text for element in shown.elements)
    wanted = _wanted(question.answer, normal(whole))
    if wanted:
        elements = {element.box: element.text for element in shown.elements}

        def says(boxes: Sequence[BBox]) -> bool:
            texts = [page_text(document.path, hit.page, box) + "\n" + elements.get(box, "") for box in boxes]
            return holds(wanted, normal("\n".join(texts)))

        found["first box has the answer"] = float(says(hit.boxes[:1]))
        found["three boxes have the answer"] = float(says(hit.boxes[:3]))
        found["snippet has the answer"] = float(holds(wanted, normal(hit.snippet)))
    return found


def normal(text: str) -> str:
    """A text as words and numbers, lower case, with a blank before and after each; units and separators left out.

    >>> normal("Net sales: $1,577.00 million")
    ' net sales 1577 '
    """
    tokens = []
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).lower()):
        if token[0].isdigit():
            token = token.replace(",", "")
            token = token.rstrip("0").rstrip(".") if "." in token else token
        elif token in _UNITS:
            continue
        tokens.append(token)
    return f" {' '.join(tokens)} "


def holds(wanted: Sequence[str], text: str) -> bool:
    """Whether a normalised text has all normalised parts of an answer."""
    return all(part in text for part in wanted)


def _wanted(answer: str, page: str) -> tuple[str, ...]:
    """The parts of an answer to look for, in the first of its forms that the page has; none where it has none."""
    for form in _forms(answer):
        # A lone digit or letter is found everywhere and says nothing.
        if form and all(len(part.strip()) > 1 for part in form) and holds(form, page):
            return form
    return ()


def _forms(answer: str) -> Iterator[tuple[str, ...]]:
    items = [answer]
    if answer.strip().startswith("["):
        with suppress(ValueError, SyntaxError):  # not a list after all
            items = [str(item) for item in ast.literal_eval(answer.strip())]
    parts = tuple(normal(item) for item in items)
    if sum(len(part.split()) for part in parts) <= _LONGEST or len(parts) > 1:
        yield parts
        yield tuple(normal(item) for part in items for item in re.split(r",\s|\band\b", part) if normal(item).strip())
    numbers = [number for part in parts for number in re.findall(r" ([\d.]+)(?= )", part)]
    telling = [number for number in numbers if len(number) > 1 and not re.fullmatch(r"(?:19|20)\d\d", number)]
    if telling:
        yield (f" {telling[0]} ",)


def _matches(box: BBox, gold: BBox) -> bool:
    shared = box.overlap(gold)
    return shared >= COVERED * gold.area or shared >= WITHIN * box.area > 0


def page_text(path: str, page: int, box: BBox | None = None) -> str:
    """The file's own words on a page, or those whose middle lies in a box of it."""
    return " ".join(
        word
        for x, y, word in _words(path, page)
        if box is None or (box.x0 - 1 <= x <= box.x1 + 1 and box.y0 - 1 <= y <= box.y1 + 1)
    )


@lru_cache(maxsize=4096)
def _words(path: str, page: int) -> tuple[tuple[float, float, str], ...]:
    import pymupdf

    with PYMUPDF_LOCK, pymupdf.open(path, filetype="pdf") as file:
        shown = file[page]
        words = []
        for x0, y0, x1, y1, word, *_ in shown.get_text("words"):
            middle = pymupdf.Point((x0 + x1) / 2, (y0 + y1) / 2) * shown.rotation_matrix
            words.append((middle.x, middle.y, word))
    return tuple(words)


def evidence_table(report: EvidenceReport) -> Table:
    """The figures, for people."""
    from mmrank.evaluate.tables import grouped_table

    return grouped_table(f"{report.benchmark}: what the hit shows", report.figures)
