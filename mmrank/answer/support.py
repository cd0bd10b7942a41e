"""Whether a sentence is supported by what it cites: its numbers, names, quotations and links."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmrank.answer.links import links_in, shown, without_links
from mmrank.answer.values import Value, same, values
from mmrank.retrieve.words import STOPWORDS, words

SAID = 0.5
"""Share of a sentence's longer words that must stand in what it cites."""
LONGER = 4
"""Letters of a longer word."""
ROUNDING = 0.6
"""How far a result may be from what is written, in units of its last decimal."""
_QUOTED = re.compile(r"[\"“]([^\"“”]{2,300})[\"”]")
_NAME = re.compile(r"\b[A-Z][\w'’&-]*(?: (?:(?:of|de|von|van|the|and|for) )?[A-Z][\w'’&-]*)*")
_COMPUTED = re.compile(
    r"(?P<left>[-−(\d][\d\s.,()+×*x/÷%$€£−–-]*[+×*x/÷−–-][\d\s.,()+×*x/÷%$€£−–-]*?)\s*(?:=|≈)\s*"
    r"(?P<right>[-−]?\s?[$€£]?\d[\d,.]*)\s?(?P<share>%|per ?cent)?"
)
_NUMBER_WORDS = {
    word: float(at)
    for at, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}


@dataclass(frozen=True, slots=True)
class Support:
    """What was found of a sentence. `fault` says what stands in none of its boxes; None where all is supported."""

    fault: str | None = None
    computation: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the sentence may be given."""
        return self.fault is None


def check(text: str, cited: Iterable[str], *, known: str = "", links: bool = False, asked: str = "") -> Support:
    """Compare a sentence with what it cites.

    Numbers must stand in the cited text, or be the right result of a computation that is shown and whose own numbers
    stand there. Names must stand there or in `known`, quotations word for word. A link is refused, unless one was asked
    for and it stands there.

    Args:
        text: the sentence, without its citation marks.
        cited: the texts in its boxes.
        known: what names may be taken from beside the boxes: the titles of the cited documents, the headings.
        links: whether an address was asked for.
        asked: the question and the names of the cited documents, for names that look like addresses: "Lunna.com".

    >>> check("Sales fell by (1,204 − 981) / 981 = 22.7 %.", ["Sales: 1,204 · 981"]).computation
    '(1,204 − 981) / 981 = 22.7 %'
    >>> check("Sales were 1,300.", ["Sales: 1,204"]).fault
    'the number 1,300'
    """
    source = "\n".join(cited)
    there_too = shown(source)
    for link in links_in(text, asked):
        if not links or link.rstrip(".,;:!?") not in there_too:
            return Support(f"the link {link}")
    rest, computation = text, None
    there = values(source)
    for found in _COMPUTED.finditer(text):
        fault = _wrong(found, there)
        if fault is not None:
            return Support(fault)
        computation = found.group().strip()
        rest = rest.replace(found.group(), " ")
    results = [value for found in _COMPUTED.finditer(text) for value in values(found["right"])]
    for value in values(without_links(rest)):
        if not _stands(value, there, source) and not any(same(value.number, result.number) for result in results):
            return Support(f"the number {value.text}")
    flat = _flat(source)
    for quoted in _QUOTED.finditer(text):
        if _flat(quoted[1]).strip(" .,;") not in flat:
            return Support(f"the quotation “{quoted[1]}”")
    around = f"{flat} {_flat(known)}"
    for name in _names(text):
        if not all(_flat(part) in around for part in name.split() if part[:1].isupper()):
            return Support(f"the name {name}")
    telling = [word for word in words(text) if word not in STOPWORDS and word.isalpha() and word not in {"yes", "no"}]
    telling = [word for word in telling if len(word) >= LONGER] or telling
    said = set(words(f"{source} {known}"))
    if telling and sum(word in said for word in telling) < SAID * len(telling):
        return Support("most of its words")
    if telling and not values(rest) and not set(words(source)).intersection(telling):
        return Support("every word of it")  # only headings have them
    return Support(None, computation)


def _stands(value: Value, there: Sequence[Value], source: str) -> bool:
    """Whether a number stands in the cited text, as printed, rounded, or on another scale."""
    for other in there:
        if abs(value.number) in {abs(other.number), abs(other.full)} or abs(value.full) in {
            abs(other.number),
            abs(other.full),
        }:
            return True
        rounded = value.scale != 1.0 or other.scale != 1.0 or value.decimals > 0
        if rounded and any(same(abs(value.full), abs(other.full) * factor) for factor in (1, 1e3, 1e6)):
            return True
    return any(_NUMBER_WORDS[word] == value.number for word in words(source) if word in _NUMBER_WORDS)


def _wrong(found: re.Match[str], there: Sequence[Value]) -> str | None:
    """What is wrong with a computation that is shown; None where nothing is."""
    operands = values(found["left"])
    for operand in operands:
        constant = operand.number in {100.0, 2.0, 3.0, 4.0, 12.0, 365.0, 360.0, 1.0, 52.0, 1e3, 1e6}
        if not constant and not any(abs(operand.number) in {abs(one.number), abs(one.full)} for one in there):
            return f"the number {operand.text}"
    expression = re.sub(r"[\s,$€£%]", "", found["left"])
    expression = re.sub(r"[×x]", "*", expression).replace("÷", "/")
    expression = re.sub(r"[−–]", "-", expression)
    results = values(found["right"])
    try:
        computed = _evaluate(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return f"the computation {found.group().strip()}"
    if not results:
        return f"the computation {found.group().strip()}"
    result = results[0]
    unit = 10.0**-result.decimals
    shares = (computed, 100 * computed) if found["share"] else (computed,)
    if not any(abs(one - result.number) <= ROUNDING * unit for one in shares):
        return f"the result of {found.group().strip()}"
    return None


def _evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _evaluate(left), _evaluate(right)
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
    raise ValueError("not arithmetic")


def _names(text: str) -> list[str]:
    """Names in a sentence: capitalised words that do not begin it or a quotation, and anything with capitals within."""
    plain = _QUOTED.sub(" ", without_links(text))
    found = []
    for match in _NAME.finditer(plain):
        name = match.group()
        begins = not plain[: match.start()].strip() or plain[: match.start()].rstrip()[-1:] in ".!?:"
        parts = name.split()
        if begins and not re.search(r"[A-Z].*[A-Z]", parts[0]):
            parts = parts[1:]
        parts = [part for part in parts if part.lower() not in STOPWORDS and part != "I"]
        if parts:
            found.append(" ".join(parts))
    return found


def _flat(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"[’`´]", "'", re.sub(r"[‐-―−]", "-", text))
    return " ".join(text.split())
