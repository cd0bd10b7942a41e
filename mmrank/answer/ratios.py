"""Figures of financial reports, computed from the lines that the reports print."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from mmrank.answer.candidates import Candidate, Cite
from mmrank.answer.cells import cell_cite
from mmrank.answer.expected import Expectation
from mmrank.answer.grid import GridCell
from mmrank.answer.units import TableUnit
from mmrank.answer.values import written
from mmrank.knowledge import knowledge

SCORE = 1.5
"""Of a figure whose lines were all found: more than any single cell scores."""
EXACT, BEGINS, HOLDS = 1.0, 0.8, 0.45
"""How well a row's head is a line's name: the same, beginning with it, or holding it."""
FAINTER = 0.01
"""What each later name of a line, and each later page, counts less."""
_GROWTH = re.compile(
    r"growth rate|rate of growth|year over year change|% (?:change|growth)|percent(?:age)? (?:change|growth)"
)
SIGNED = frozenset(
    {"net_income", "operating_income", "pretax_income", "operating_cash", "investing_cash", "financing_cash", "equity"}
)
"""Lines that may be negative; of others, what is printed in brackets is an amount paid."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A line's value in one year, and the cell it stands in."""

    line: str
    year: int | None
    cell: GridCell
    table: TableUnit
    fit: float
    """How well its row's head is the line's name, 0 to 1."""

    @property
    def number(self) -> float:
        """As printed; amounts paid, which cash flow statements print in brackets, are counted as amounts."""
        value = self.cell.value
        assert value is not None
        return value.number if self.line in SIGNED else abs(value.number)


class UnknownLineError(Exception):
    """A line of a formula was not found."""


def _knowledge() -> dict[str, Any]:
    known: dict[str, Any] = knowledge("mmrank.answer", "formulas.yaml")
    return known


def plain(text: str) -> str:
    """A name as it is compared: lower case, words only.

    >>> plain("Property, plant & equipment — net (Note 4)")
    'property plant & equipment net'
    """
    text = re.sub(r"\(note[^)]*\)|[’']s?\b", "", text.lower())
    return " ".join(re.findall(r"[a-z&%+]+", text.replace("-", " ")))


@cache
def line_names() -> dict[str, tuple[str, ...]]:
    """The names that each line goes by, best first, as `plain` writes them."""
    return {line: tuple(map(plain, names)) for line, names in _knowledge()["lines"].items()}


@cache
def formula_names() -> frozenset[str]:
    """What the figures are called that are known by name."""
    return frozenset(name for formula in _knowledge()["formulas"] for name in formula["names"])


def formula_of(question: str) -> tuple[str, str, bool] | None:
    """Name, expression and whether it is a share, of the figure that a question asks for; None for none.

    Beside the figures that are known by name, "X to Y ratio" and "X as a % of Y" are read.

    >>> formula_of("What is the quick ratio of Nike in FY2021?")[0]
    'quick ratio'
    >>> formula_of("What is the gross profit to total assets ratio?")[1]
    'gross_profit / total_assets'
    """
    asked = f" {plain(question.replace('_', ' '))} "
    found: tuple[str, str, bool] | None = None
    for formula in _knowledge()["formulas"]:
        for name in formula["names"]:
            if f" {plain(name)} " in asked and (found is None or len(name) > len(found[0])):
                found = name, formula["is"], bool(formula.get("share"))
    if found is not None and (found[0] not in {"working capital"}):
        return found
    if _GROWTH.search(asked):
        line = _line_in(asked, last=True)
        if line is not None:
            return f"change of {line}".replace("_", " "), f"change({line}) / before({line})", True
    for between in (" as a % of ", " as a percent of ", " as percent of ", " as a percentage of ", " to "):
        before, at, after = asked.partition(between)
        if not at or (between == " to " and " ratio " not in asked and " average " not in after):
            continue
        first = _line_in(before, last=True)
        average = after.startswith("average ")
        second = _line_in(after.removeprefix("average "), last=False)
        if first and second and first != second:
            bottom = f"average({second})" if average else second
            return f"{first} {between.strip()} {second}".replace("_", " "), f"{first} / {bottom}", between != " to "
    return found


def _line_in(text: str, *, last: bool) -> str | None:
    """The line named at the end, or the beginning, of a text."""
    best: tuple[int, int, str] | None = None
    for line, names in line_names().items():
        for name in names:
            for found in re.finditer(rf"(?<![a-z]){re.escape(name)}(?![a-z])", text):
                key = (found.end() if last else -found.start(), len(name), line)
                if best is None or key[:2] > best[:2]:
                    best = key
    shorter = {"asset": "total_assets", "interest": "interest_expense", "total debt": "long_term_debt"}
    if best is None:
        return next((line for name, line in shorter.items() if f" {name} " in f" {text} "), None)
    return best[2]


def line_named(question: str) -> str | None:
    """The line of a report whose longest name a question has; None for none, and where it asks for a figure of several.

    >>> line_named("Did the total assets of Nike increase in 2021?"), line_named("Did fares increase?")
    ('total_assets', None)
    """
    if formula_of(question) is not None:
        return None
    asked = f" {plain(question)} "
    found = max(
        ((len(name), line) for line, names in line_names().items() for name in names if f" {name} " in asked),
        default=None,
    )
    return None if found is None else found[1]


def ratio_candidates(wanted: Expectation, tables: Sequence[TableUnit]) -> list[Candidate]:
    """The figure that a question asks for, where all its lines are in the tables of one document.

    With several years, their mean. The document of the best page that has all lines is taken.
    """
    formula = formula_of(wanted.text)
    if formula is None:
        return []
    own: dict[str, list[TableUnit]] = {}
    for table in tables:
        own.setdefault(table.found.hit.document_id, []).append(table)
    made = (_computed(wanted, formula, kept) for kept in own.values())
    return [candidate for candidate in made if candidate is not None][:1]


def _computed(wanted: Expectation, formula: tuple[str, str, bool], tables: Sequence[TableUnit]) -> Candidate | None:
    """The figure from the tables of one document; None where a line is missing."""
    name, expression, share = formula
    years: list[int | None] = [*_years(wanted)] or [None]
    results: list[float] = []
    shown: list[str] = []
    operands: dict[tuple[str, int | None], Operand] = {}
    for year in years:
        sheet = _Sheet(tables, year)
        try:
            result, text = sheet.evaluate(expression)
        except (UnknownLineError, ZeroDivisionError):
            return None
        results.append(result)
        shown.append(text)
        operands |= sheet.used
    percent = share or (wanted.share and abs(results[0]) < 5)
    factor = 100.0 if percent else 1.0
    result = sum(results) / len(results) * factor
    decimals = (
        wanted.decimals
        if wanted.decimals is not None
        else (1 if percent else 0 if abs(result) >= 100 else 2 if abs(result) >= 0.1 else 3)
    )
    short = written(result, decimals) + (" %" if percent else "")
    if len(years) > 1:
        computation = f"({' + '.join(shown)}) / {len(years)} = {short}"
    else:
        computation = f"{shown[0]} = {short}"
    cites: dict[tuple[int, int, int], Cite] = {}
    for operand in operands.values():
        key = (id(operand.table), operand.cell.row, 0)
        cites[key] = cell_cite(operand.table, [operand.cell])
    when = "" if years == [None] else " " + "–".join(str(year) for year in (years[0], years[-1])[: len(years)])
    sentence = f"{name[:1].upper()}{name[1:]}{when}: {computation}"
    return Candidate(SCORE, ((sentence, tuple(cites.values())),), short, "computed", computation)


def _years(wanted: Expectation) -> tuple[int, ...]:
    """The years for which the figure is computed: one, or each of a range of which the mean is asked."""
    years = sorted(wanted.years)
    if re.search(r"\byear average\b", wanted.text, re.I) and len(years) >= 2:
        return tuple(range(years[0], years[-1] + 1))
    return (years[-1],) if years else ()


class _Sheet:
    """The lines of some tables for one year, by name."""

    def __init__(self, tables: Sequence[TableUnit], year: int | None) -> None:
        self._tables = tables
        self._year = year
        self.used: dict[tuple[str, int | None], Operand] = {}

    def evaluate(self, expression: str) -> tuple[float, str]:
        """The value of an expression, and the expression with the numbers as printed.

        Raises:
            UnknownLineError: when a line is not found.
        """
        return self._value(ast.parse(" ".join(expression.split()), mode="eval").body)

    def _value(self, node: ast.expr) -> tuple[float, str]:
        match node:
            case ast.Constant(value=float() | int() as number):
                return float(number), written(float(number))
            case ast.Name(id=line):
                operand = self._line(line, self._year)
                return operand.number, written(operand.number, _decimals(operand))
            case ast.Call(func=ast.Name(id="average"), args=[ast.Name(id=line)]):
                now, before = self._both(line)
                value = (now.number + before.number) / 2
                shown = f"({written(now.number, _decimals(now))} + {written(before.number, _decimals(before))}) / 2"
                return value, f"({shown})"
            case ast.Call(func=ast.Name(id="change"), args=[ast.Name(id=line)]):
                now, before = self._both(line)
                shown = f"({written(now.number, _decimals(now))} − {written(before.number, _decimals(before))})"
                return now.number - before.number, shown
            case ast.Call(func=ast.Name(id="before"), args=[ast.Name(id=line)]):
                _, before = self._both(line)
                return before.number, written(before.number, _decimals(before))
            case ast.Call(func=ast.Name(id="any"), args=[inner]):
                try:
                    return self._value(inner)
                except UnknownLineError:
                    return 0.0, ""
            case ast.Call(func=ast.Name(id="either"), args=[first, second]):
                try:
                    return self._value(first)
                except UnknownLineError:
                    value, shown = self._value(second)
                    return value, f"({shown})"
            case ast.BinOp(left=left, op=op, right=right):
                return _joined(op, self._value(left), self._value(right), right)
        raise ValueError(f"a formula cannot hold {ast.dump(node)}")

    def _both(self, line: str) -> tuple[Operand, Operand]:
        now = self._line(line, self._year)
        year = now.year
        if year is None:
            raise UnknownLineError(line)
        beside = _beside(now, year - 1)  # the same row, rather than another with a name of the line
        if beside is not None:
            self.used.setdefault((line, year - 1), beside)
        return now, self._line(line, year - 1)

    def _line(self, line: str, year: int | None) -> Operand:
        if (line, year) not in self.used:
            found = find_line(self._tables, line, year)
            if found is None:
                raise UnknownLineError(line)
            self.used[line, year] = found
        return self.used[line, year]


def _joined(op: ast.operator, left: tuple[float, str], right: tuple[float, str], node: ast.expr) -> tuple[float, str]:
    (a, first), (b, second) = left, right
    if not second or not first:  # a line that need not be there is not
        return (a if not second else b if isinstance(op, ast.Add) else -b), first or second
    bracket = isinstance(node, ast.BinOp) and not (second.startswith("(") and second.endswith(")"))
    match op:
        case ast.Add():
            return a + b, f"{first} + {second}"
        case ast.Sub():
            return a - b, f"{first} − {second}"
        case ast.Mult():
            return a * b, f"{first} × {second}"
        case ast.Div():
            first = f"({first})" if re.search(r" [+−] ", first) and not _wrapped(first) else first
            second = f"({second})" if bracket and not _wrapped(second) else second
            return a / b, f"{first} / {second}"
    raise ValueError(f"a formula cannot hold {op}")


def _wrapped(text: str) -> bool:
    """Whether brackets hold all of a text."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and at < len(text) - 1:
            return False
    return text.startswith("(")


def _decimals(operand: Operand) -> int:
    value = operand.cell.value
    return 0 if value is None else value.decimals


def find_line(tables: Sequence[TableUnit], line: str, year: int | None) -> Operand | None:
    """The cell of a line in one year; without a year, in the first column that has a value."""
    names = line_names()[line]
    best: tuple[float, Operand] | None = None
    for table in tables:
        columns = _columns(table, year)
        rows: Mapping[int, list[GridCell]] = _by_row(table)
        for cells in rows.values():
            fit = _fit(plain(cells[0].row_head), names)
            if fit <= 0:
                continue
            fit -= FAINTER * table.found.rank
            chosen = next((cell for cell in cells if cell.column in columns), None)
            if chosen is None or (best is not None and fit <= best[0]):
                continue
            best = fit, Operand(line, columns[chosen.column] or year, chosen, table, fit)
    return None if best is None else best[1]


def _beside(operand: Operand, year: int) -> Operand | None:
    """The value of another year in the same row; None where the table has no column of that year."""
    columns = _columns(operand.table, year)
    cells = _by_row(operand.table).get(operand.cell.row, [])
    chosen = next((cell for cell in cells if cell.column in columns), None)
    return None if chosen is None else replace(operand, year=year, cell=chosen)


def _by_row(table: TableUnit) -> dict[int, list[GridCell]]:
    rows: dict[int, list[GridCell]] = {}
    for cell in table.grid.cells:
        if cell.value is not None and "%" not in cell.text:
            rows.setdefault(cell.row, []).append(cell)
    return rows


def _columns(table: TableUnit, year: int | None) -> dict[int, int | None]:
    """The columns of a year, each with the year in its head; without a year, all of them."""
    made: dict[int, int | None] = {}
    for column, head in enumerate(table.grid.column_heads):
        years = [int(found) for found in re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", head)]
        if year is None or year in years:
            made[column] = years[-1] if years else None
    return made


def _fit(head: str, names: Sequence[str]) -> float:
    best = 0.0
    for at, name in enumerate(names):
        if head == name:
            fit = EXACT
        elif head.startswith(name + " "):
            fit = BEGINS - 0.05 * (len(head.split()) - len(name.split()))
        elif f" {name} " in f" {head} " and len(name.split()) > 1:
            fit = HOLDS
        else:
            continue
        best = max(best, fit - FAINTER * at)
    return best
