"""Yes or no, where what is cited decides it by a rule; otherwise nothing is claimed, and the sentence is quoted.

Three things decide: two cited numbers, or one and a number of the question, that are compared; a cell that says yes or
no; a sentence that says all of what is asked, in its order, with or without a negation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set

from mmrank.amounts import currencies
from mmrank.answer.candidates import Candidate, Cite
from mmrank.answer.cells import ASKED, TYPED, WHOLE, cell_cite, cell_heads, cell_score, cell_text
from mmrank.answer.expected import Expectation, Expected
from mmrank.answer.grid import GridCell
from mmrank.answer.measures import gives, measured
from mmrank.answer.ratios import find_line, formula_of, ratio_candidates
from mmrank.answer.report_lines import line_of
from mmrank.answer.scales import SCALES, printed_scale
from mmrank.answer.units import HEADS, Sentence, TableUnit
from mmrank.answer.values import Value, values
from mmrank.answer.wording import Wording, stems
from mmrank.retrieve.words import content_words, without_stop_words

DECIDED = 0.3
"""What it counts that a question for yes or no is decided."""
_MORE = r"more|higher|greater|larger|bigger|longer|taller|heavier|above|over|exceed(?:s|ed)?|dearer"
_LESS = r"less|lower|fewer|smaller|shorter|lighter|cheaper|below|under"
_THAN = re.compile(
    rf"\b(?:(?P<more>{_MORE})|(?P<less>{_LESS}))\b(?P<between>[^?]{{0,40}}?)\bthan\b"
    r"|\b(?:(?P<above>above|over|exceed(?:s|ed)?)|(?P<below>below|under))\b",
    re.I,
)
_RISES = re.compile(
    r"\b(?:increas(?:e|ed|ing)|ris(?:e|en|ing)|rose|gr(?:ow|ew|own|owing)|go up|gone up|went up)\b", re.I
)
_FALLS = re.compile(
    r"\b(?:decreas(?:e|ed|ing)|declin(?:e|ed|ing)|f(?:all|ell|allen|alling)|drop(?:ped)?|shr[iau]nk|go down|went down"
    r")\b",
    re.I,
)
_BY = re.compile(r"\b(?:by|difference|twice|half|double|times|percent(?:age)? points?)\b", re.I)
"""What asks for how much more it is."""
_UNIT = re.compile(
    r"\b(?:usd|eur|gbp|yen|dollars?|euros?|pounds?|thousand|million|billion|percent|per cent|people|km|m|kg)\b|%",
    re.I,
)
_NUMBER = re.compile(r"[$€£¥]?(?<![\w.])(?!(?:19|20)\d\d\b)\d[\d.,]*")
_MEASURED = {
    "longer": "how long", "shorter": "how long", "taller": "how tall", "heavier": "how heavy", "lighter": "how heavy",
    "larger": "how large", "bigger": "how big", "smaller": "how big", "dearer": "cost", "cheaper": "cost",
}  # fmt: skip
"""What words that compare measure."""
_SAYS_NOTHING = frozenset(
    stem
    for word in "number total amount value level year fiscal end compared previous last".split()
    for stem in stems(word)
)
_YES = frozenset("yes y ✓ ✔ true ja oui sí".split())
_NO = frozenset("no n ✗ ✘ × false nein non".split())
_NEGATION = re.compile(r"\b(?:not|no|never|none|nor|neither|cannot|nobody|nothing)\b|n['’]t\b", re.I)
_HEDGE = re.compile(
    r"\b(?:if|unless|except|excluding|may|might|could|would|should|some|most|many|several|few|often|usually|sometimes"
    r"|mostly|partly|only|almost|nearly|hardly|rarely|seldom|without|until|but|however|although|though|while|whereas"
    r"|that|which|who|whose|where|when|said|says|claims?|believes?|expects?|plans?|planned|intends?|not all|or)\b|\?",
    re.I,
)
"""What makes a sentence say less, or something else, than its words."""
_ALL = re.compile(r"\b(?:all|every|each|always|any|only|still|already|both|never|not|no)\b|n['’]t\b", re.I)
_CHOICE = re.compile(r"\b(?:or|and)\b", re.I)
_PAST = re.compile(r"\b(?:was|were|did|had)\b|^has\b|^have\b", re.I)
_EVERY = frozenset("all every each any".split())
_DATED = re.compile(r"\d+|(?:januar|februa|march|april|may|june|july|august|septem|octobe|novemb|decemb)")
_START = re.compile(
    r"^(?:is|are|was|were|do|does|did|has|have|had|can)\b(?! (?:you|we|i)\b)",
    re.I,
)


def verdict_candidates(
    wanted: Expectation, wording: Wording, sentences: Sequence[Sentence], tables: Sequence[TableUnit]
) -> list[Candidate]:
    """Yes or no with what decides it; none where the rules decide nothing, or differently."""
    if wanted.kind is not Expected.YES_NO or not _START.match(wanted.text):
        return []
    counted = [*_figure_against_number(wanted, tables), *_line_compared(wanted, tables)] or [
        *_trend(wanted, wording, tables),
        *_compared(wanted, wording, tables),
    ]
    made = counted or [*_cells(wording, tables), *_said(wanted, wording, sentences)]
    return made if len({one.short for one in made}) == 1 else []


def _verdict(yes: bool, score: float, text: str, cites: tuple[Cite, ...], computation: str | None = None) -> Candidate:
    said = "Yes" if yes else "No"
    return Candidate(score + DECIDED, ((f"{said}: {text}", cites),), said, "verdict", computation)


def _direction(question: str) -> tuple[int, int] | None:
    """1 for more, −1 for less, and where the words that say so end; None for neither."""
    found = _THAN.search(question)
    if found is None:
        return None
    return 1 if found["more"] or found["above"] else -1, found.end()


def _shown(first: Value, second: Value) -> tuple[int, str]:
    """Which of two values is higher, 1, 0 or −1, and the comparison as it is shown."""
    sign = (first.full > second.full) - (first.full < second.full)
    return sign, f"{first.text} {'<=>'[sign + 1]} {second.text}"


def _compared(wanted: Expectation, wording: Wording, tables: Sequence[TableUnit]) -> Iterator[Candidate]:
    """Two cells of one row or column, each named on its side of "than", or one and the number after it."""
    asked = _direction(wanted.text)
    if asked is None:
        return
    direction, end = asked
    if _BY.search(wanted.text) or _changes(wanted.text):
        return
    left, right = set(stems(wanted.text[:end])), set(stems(wanted.text[end:]))
    best: list[tuple[float, Candidate]] = []
    for table in tables:
        around = wording.found(table.context)
        cells = [cell for cell in table.grid.cells if cell.value is not None and wording.found(cell_heads(cell))]
        heads = {head for cell in cells for head in (cell.row_head, cell.column_head)}  # "plot 3" is a name
        if _numbers(wanted.text[:end], heads):
            continue
        limits = _numbers(wanted.text[end:], heads)
        for one in cells:
            own = wording.found(cell_heads(one))
            row = wording.found(one.row_head)
            whole = wording.precision(one.row_head) >= WHOLE and row and row <= left
            whole = whole and _all_named(wanted, wording, table, one)
            if len(limits) == 1 and whole and _only(wanted.text[end:], own):
                score = cell_score(wording, one, around) + TYPED
                best += _against(one, limits[0], wanted.text[end:], direction, score, table)
            for other in cells if not limits else ():
                if one is other or (one.row == other.row) == (one.column == other.column):
                    continue
                theirs = wording.found(cell_heads(other))
                first, second = own - theirs, theirs - own
                if not first or not second or not first <= left - right or not second <= right - left:
                    continue
                apart = (one.column_head, other.column_head) if one.row == other.row else (one.row_head, other.row_head)
                if min(map(wording.precision, apart)) < WHOLE or not _all_named(wanted, wording, table, one, other):
                    continue
                score = cell_score(wording, one, around) + TYPED + ASKED + wording.weight(second)
                best += ((score, candidate) for candidate in _both(one, other, direction, score, table))
    top = max((score for score, _ in best), default=0.0)
    yield from (candidate for score, candidate in best if score >= top - 1e-9)  # all of them must agree


def _all_named(wanted: Expectation, wording: Wording, table: TableUnit, *cells: GridCell) -> bool:
    """Whether cells are what a question compares.

    Each of its words is one of their heads, of what stands above the table or of the document's name, or it compares.
    Their column is named or gives what is measured; a column of years must be.
    """
    heads = (*map(cell_heads, cells), *table.grid.column_heads[:1])
    named = wording.found(" ".join((*heads, table.context, table.found.hit.document)))
    compares = (_THAN, _RISES, _FALLS)
    spare = {stem for one in compares for found in one.finditer(wanted.text) for stem in stems(found.group())}
    units = set(stems(" ".join(_UNIT.findall(wanted.text))))
    comparative = next((word for word in _MEASURED if re.search(rf"\b{word}\b", wanted.text, re.I)), None)
    measure = wanted.measure if comparative is None else measured(_MEASURED[comparative])
    column, text = cells[0].column_head, cells[0].text
    given = measure is not None and gives(measure, column, text)
    for stem in wording.weights.keys() - named - spare - units - _SAYS_NOTHING:
        measures_it = given and measure is not None and (measure.asked.search(stem) or measure.head.search(stem))
        if not (stem[0].isdigit() or stem.startswith("fy") or measures_it):
            return False
    rows = {cell.row for cell in cells}
    if len(rows) == 1 and len(cells) > 1:
        return bool(wording.found(cells[0].row_head))
    return given or bool(wording.found(column)) or (comparative is None and not _of_years(cells))


def _of_years(cells: Sequence[GridCell]) -> bool:
    return all(cell.value is not None and cell.value.is_year for cell in cells)


def _numbers(text: str, heads: Set[str]) -> list[Value]:
    """The numbers of a text that are neither years nor heads of a table."""
    return [value for value in values(text) if not value.is_year and value.text.strip() not in heads]


def _only(text: str, named: frozenset[str]) -> bool:
    """Whether a text holds nothing but numbers, units and what a cell's heads name."""
    rest = stems(" ".join(content_words(_UNIT.sub(" ", text)))) if re.search(r"[^\W\d]", _UNIT.sub(" ", text)) else ()
    return all(word in named or word[0].isdigit() or word.startswith("fy") for word in rest)


def _against(
    cell: GridCell, limit: Value, asked: str, direction: int, score: float, table: TableUnit
) -> Iterator[tuple[float, Candidate]]:
    """A cell against a number of the question, in the unit and the currency of both."""
    value = cell.value
    if value is None or value.share != limit.share:
        return
    scale, said, cites = printed_scale(table)
    wanted, there = currencies(asked.lower()), currencies(f"{said} {cell.text}".lower())
    if (limit.scale != 1.0 and value.scale == 1.0 and scale is None) or (wanted and there and wanted.isdisjoint(there)):
        return
    sign, shown = _shown(value, limit)
    if scale is not None and value.scale == 1.0 and not value.share:
        full = value.number * SCALES[scale]
        scaled = (full > limit.full) - (full < limit.full)
        if limit.scale == 1.0 and scaled != sign:
            return  # in the table's unit, or not: they differ
        sign, shown = scaled, f"{value.text} {scale} {'<=>'[scaled + 1]} {limit.text}"
    yield score, _verdict(sign == direction, score, cell_text(cell), (cell_cite(table, [cell]), *cites), shown)


def _figure_against_number(wanted: Expectation, tables: Sequence[TableUnit]) -> Iterator[Candidate]:
    """A figure of a report, computed, against the number after "above" or "more than"."""
    asked = _direction(wanted.text)
    if asked is None or formula_of(wanted.text) is None:
        return
    direction, end = asked
    limits = [value for value in values(wanted.text[end:]) if not value.is_year]
    for one in ratio_candidates(wanted, tables) if len(limits) == 1 else ():
        found = values(one.short or "")
        if len(found) == 1 and found[0].share == limits[0].share:
            sign, shown = _shown(found[0], limits[0])
            [(text, cites)] = one.lines
            yield _verdict(sign == direction, one.score, text, cites, f"{one.computation}; {shown}")


def _line_compared(wanted: Expectation, tables: Sequence[TableUnit]) -> Iterator[Candidate]:
    """A line of a report in two years, each on its side of "than", or in one year against a number of the question."""
    asked, line = _direction(wanted.text), _line(wanted.text)
    if asked is None or line is None or _BY.search(wanted.text) or _changes(wanted.text):
        return
    direction, end = asked
    left, right = (re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", text) for text in (wanted.text[:end], wanted.text[end:]))
    limits = [value for value in values(wanted.text[end:]) if not value.is_year]
    if len(limits) == 1 and wanted.years and _only(wanted.text[end:], frozenset()):
        found = find_line(tables, line, wanted.years[-1])
        if found is not None:
            score = 1.0 + found.fit
            made = _against(found.cell, limits[0], wanted.text[end:], direction, score, found.table)
            yield from (candidate for _, candidate in made)
    elif not limits and len(left) == len(right) == 1:
        one, other = find_line(tables, line, int(left[0])), find_line(tables, line, int(right[0]))
        if one is not None and other is not None and one.table is other.table and one.cell.row == other.cell.row:
            yield from _both(one.cell, other.cell, direction, 1.0 + one.fit, one.table)


def _both(one: GridCell, other: GridCell, direction: int, score: float, table: TableUnit) -> Iterator[Candidate]:
    """Two cells of a table, the first expected to be higher, 1, or lower, −1."""
    first, second = one.value, other.value
    if first is None or second is None or first.share != second.share:
        return
    sign, shown = _shown(first, second)
    text = f"{cell_text(one)}; {cell_text(other)}; {shown}"
    cites = (cell_cite(table, [one]), cell_cite(table, [other]))
    yield _verdict(sign == direction, score, text, cites, shown)


def _line(question: str) -> str | None:
    """The line of a report that is all that a question asks about, beside how it compares."""
    for pattern in (_THAN, _RISES, _FALLS, _UNIT, _NUMBER):
        question = pattern.sub(" ", question)
    return line_of(question)


def _changes(text: str) -> bool:
    return _RISES.search(text) is not None or _FALLS.search(text) is not None


def _trend(wanted: Expectation, wording: Wording, tables: Sequence[TableUnit]) -> Iterator[Candidate]:
    """A row's values in two years: those of the question, or its year and the one before."""
    rises, falls = _RISES.search(wanted.text), _FALLS.search(wanted.text)
    if bool(rises) == bool(falls) or not 1 <= len(wanted.years) <= 2 or _THAN.search(wanted.text):
        return
    if any(not value.is_year for value in values(re.sub(r"\bFY\s?'?\d+", " ", wanted.text, flags=re.I))):
        return  # by how much is asked too
    later = max(wanted.years)
    earlier = min(wanted.years) if len(wanted.years) == 2 else later - 1
    line = _line(wanted.text)
    pairs: list[tuple[float, GridCell, GridCell, TableUnit]] = []
    if line is not None:
        now, before = find_line(tables, line, later), find_line(tables, line, earlier)
        if now is not None and before is not None and now.table is before.table and now.cell.row == before.cell.row:
            pairs.append((1.0 + now.fit, now.cell, before.cell, now.table))
    for table in tables if line is None else ():
        around = wording.found(table.context)
        for cell in table.grid.cells:
            if cell.value is None or str(later) not in cell.column_head:
                continue
            own = wording.found(cell.row_head)
            other = next(
                (
                    one
                    for one in table.grid.cells
                    if one.row == cell.row and str(earlier) in one.column_head and one.value is not None
                ),
                None,
            )
            whole = wording.precision(cell.row_head) >= WHOLE and _all_named(wanted, wording, table, cell)
            if own and other is not None and whole:
                pairs.append((cell_score(wording, cell, around) + TYPED, cell, other, table))
    top = max((score for score, *_ in pairs), default=0.0)
    for score, now_cell, before_cell, table in pairs:
        if score >= top - 1e-9:
            yield from _both(now_cell, before_cell, 1 if rises else -1, score + ASKED, table)


def _cells(wording: Wording, tables: Sequence[TableUnit]) -> Iterator[Candidate]:
    """Cells that say yes or no, whose row and column the question names as a whole."""
    for table in tables:
        around = wording.found(table.context)
        for cell in table.grid.cells:
            said = cell.text.strip(" .").casefold()
            if said not in _YES | _NO:
                continue
            row, column = wording.found(cell.row_head), wording.found(cell.column_head)
            if row and column and min(map(wording.precision, (cell.row_head, cell.column_head))) >= WHOLE:
                score = cell_score(wording, cell, around) + TYPED
                yield _verdict(said in _YES, score, cell_text(cell), (cell_cite(table, [cell]),))


def _said(wanted: Expectation, wording: Wording, sentences: Sequence[Sentence]) -> Iterator[Candidate]:
    """Sentences that hold the question's words in its order, and no others that tell something, but a date."""
    question = wanted.text
    if _CHOICE.search(question) or _ALL.search(question) or _THAN.search(question):
        return
    asked = stems(" ".join(content_words(question)))
    if len(asked) < 2:
        return
    for sentence in sentences:
        if sentence.element.kind in HEADS or _HEDGE.search(sentence.text) or re.search(r"[;:,]", sentence.text):
            continue
        if bool(_PAST.search(question)) != bool(_PAST.search(sentence.text)):
            continue
        own = [
            word
            for word in stems(" ".join(without_stop_words(_NEGATION.sub(" ", sentence.text))))
            if word not in _EVERY
        ]
        own = own[: len(asked)] + [word for word in own[len(asked) :] if not _DATED.fullmatch(word)]
        negations = len(_NEGATION.findall(sentence.text))
        if tuple(own) != asked or negations > 1:
            continue
        score = wording.weight(wording.found(sentence.text)) + TYPED + ASKED
        cites = (Cite(sentence.found, sentence.element.id, (sentence.box,), sentence.text),)
        yield _verdict(not negations, score, sentence.text, cites)
