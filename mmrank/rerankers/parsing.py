"""What a model's answer says. One function reads strictly and repairs; a status tells which it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mmrank.rerankers.protocol import AnswerStatus

Style = Literal["list", "chain"]

_LIST = re.compile(r"\[[1-9]\d*(?:, [1-9]\d*)*\]")
_CHAIN = re.compile(r"\[[1-9]\d*\](?: > \[[1-9]\d*\])*")
_FORMS = {"list": _LIST, "chain": _CHAIN}
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL)
_FIRST_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_THOUGHT_ANSWER = re.compile(r"<think>.*?</think>\s*<answer>(.*?)</answer>", re.DOTALL)
_REASON = re.compile(
    r"^\W{0,4}(?:(?:image|passage|document|page|candidate)\s+)?\[?(\d{1,4})\]?\s*[:.)–-]\W{0,3}(.*?)"
    r"(?=^\W{0,4}(?:(?:image|passage|document|page|candidate)\s+)?\[?\d{1,4}\]?\s*[:.)–-]|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ParsedRanking:
    """An order of 1-based ids. `order` is empty where the answer is unusable."""

    order: tuple[int, ...]
    status: AnswerStatus


@dataclass(frozen=True, slots=True)
class ParsedChoice:
    """The 1-based id of the chosen candidate, None where the answer is unusable."""

    choice: int | None
    status: AnswerStatus


def after_thinking(text: str) -> str:
    """What follows the last closing think tag; all of it where nothing was thought.

    An answer that never stops thinking holds none: ids drafted on the way are not an answer.

    >>> after_thinking("<think>[2, 1]</think><answer>[1, 2]</answer>")
    '<answer>[1, 2]</answer>'
    >>> after_thinking("<think>maybe [2, 1]")
    ''
    """
    _, closed, rest = text.rpartition("</think>")
    if closed:
        return rest
    return text.partition("<think>")[0] if "<think>" in text else text


def parse_ranking(text: str, count: int, *, style: Style = "list") -> ParsedRanking:
    """Read the order of `count` candidates from an answer.

    Complete: after the thoughts stands one answer block (for the style "chain" the tags may be missing) that holds
    exactly the ids 1 to `count`, each once, written "[3, 1, 2]" ("list") or "[3] > [1] > [2]" ("chain").
    Repaired: ids were found, but some were missing (appended in their old order), repeated or out of range (dropped),
    or the writing differs. Unusable: no valid id stands where the answer should be.

    >>> parse_ranking("<think>…</think><answer>[2, 1]</answer>", 2)
    ParsedRanking(order=(2, 1), status=<AnswerStatus.COMPLETE: 'complete'>)
    >>> parse_ranking("<think>…</think><answer>[2, 7]</answer>", 2).status
    <AnswerStatus.REPAIRED: 'repaired'>
    >>> parse_ranking("I cannot say.", 2)
    ParsedRanking(order=(), status=<AnswerStatus.UNUSABLE: 'unusable'>)
    """
    final = after_thinking(text)
    blocks = _ANSWER.findall(final)
    said = blocks[-1] if blocks else final
    strict = said.strip()
    tagged = len(blocks) == 1 and "</answer>" in final and bool(_FORMS[style].fullmatch(strict))
    bare = style == "chain" and not blocks and bool(_FORMS[style].fullmatch(strict))
    ids = [int(digits) for digits in re.findall(r"\d+", _last_list(said) if style == "list" else said)]
    if (tagged or bare) and sorted(ids) == list(range(1, count + 1)):
        return ParsedRanking(tuple(ids), AnswerStatus.COMPLETE)
    valid = list(dict.fromkeys(i for i in ids if 1 <= i <= count))
    if not valid:
        return ParsedRanking((), AnswerStatus.UNUSABLE)
    missing = [i for i in range(1, count + 1) if i not in valid]
    return ParsedRanking((*valid, *missing), AnswerStatus.REPAIRED)


def _last_list(text: str) -> str:
    """The last bracketed list of ids, or all of the text where there is none."""
    lists = re.findall(r"\[\s*\d+(?:\s*,\s*\d+)*\s*\]?", text)
    several = [found for found in lists if "," in found]
    if several:
        return several[-1]
    return lists[0] if len(lists) == 1 and "," not in text else text


def parse_choice(
    text: str, count: int, *, thinks: bool = True, mode: Literal["official", "fixed"] = "fixed"
) -> ParsedChoice:
    """Read the one chosen candidate, "[3]", from an answer block.

    Complete where the block holds exactly that. "fixed" repairs a block, or an answer without a block, that holds one
    valid id written otherwise. "official" does not: it lower-cases the answer, looks for the first think block that an
    answer block follows, and takes the label there as it is written.

    Args:
        text: what the model wrote.
        count: how many candidates it was shown.
        thinks: whether it was asked to think; otherwise "official" looks for the answer block alone.
        mode: see above.

    >>> parse_choice("<think>…</think><answer>[3]</answer>", 5).choice
    3
    """
    if mode == "official":
        found = (_THOUGHT_ANSWER if thinks else _FIRST_ANSWER).search(text.lower())
        labels = [f"[{number}]" for number in range(1, count + 1)]
        if found and (said := found[1].strip()) in labels:
            return ParsedChoice(labels.index(said) + 1, AnswerStatus.COMPLETE)
        return ParsedChoice(None, AnswerStatus.UNUSABLE)
    final = after_thinking(text)
    blocks = _ANSWER.findall(final)
    said = blocks[-1] if blocks else final
    if len(blocks) == 1 and "</answer>" in final and (label := re.fullmatch(r"\[(\d+)\]", said.strip())):
        choice = int(label[1])
        if 1 <= choice <= count:
            return ParsedChoice(choice, AnswerStatus.COMPLETE)
    labelled = {int(i) for i in re.findall(r"\[(\d+)\]", said)} or {int(i) for i in re.findall(r"\d+", said)}
    valid = {i for i in labelled if 1 <= i <= count}
    if len(valid) == 1:
        return ParsedChoice(valid.pop(), AnswerStatus.REPAIRED)
    return ParsedChoice(None, AnswerStatus.UNUSABLE)


def parse_reasons(text: str, count: int) -> dict[int, str]:
    """What the thoughts say about each candidate: 1-based id → text. Lines "Image 2: …", "[2] …:", "2. …".

    >>> parse_reasons("<think>Image 1: a chart.\\nImage 2: no.</think>", 2)
    {1: 'a chart.', 2: 'no.'}
    """
    begun = text.partition("<think>")[2] or text
    thoughts = begun.partition("</think>")[0].partition("<answer>")[0]
    reasons: dict[int, str] = {}
    for digits, reason in _REASON.findall(thoughts):
        words = " ".join(reason.split())
        if 1 <= int(digits) <= count and words:
            reasons.setdefault(int(digits), words)
    return reasons
