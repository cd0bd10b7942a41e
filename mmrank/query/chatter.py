"""What people say around a question: greetings, thanks, reasons, fillers. It is taken away."""

from __future__ import annotations

import re

SHORTEST = 3
"""A question of fewer words than this is kept as it was asked."""
_ASKS = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|list|name|give|find|show"
    r"|enumerate|describe|explain|compare|compute|calculate|count|according)\b|\?",
    re.I,
)
_WH = r"(?:what|which|who|whom|whose|when|where|why|how)"
_FACT = re.compile(r"\d|[\"“”]")
_NAME = re.compile(r"(?<!^)(?<![.!?] )\b(?!I\b|I'|OK\b|PDF\b)[A-Z]\w+")
_PERSON = re.compile(r"\b(?:i|i'm|i'll|i've|i'd|im|me|my|you|your|we|us|our|u)\b", re.I)
_SPEAKER = re.compile(r"\b(?:i|i'm|i'll|i've|i'd|im|my|we|our)\b", re.I)
_FRAME = re.compile(
    r"^(?:i(?:'d| would)? (?:really )?(?:love|like|want|need) to (?:know|find out|ask(?: you)?)"
    r"|(?:can|could|would|will) (?:you|u) (?:please |kindly |mind )?"
    r"(?:tell(?:ing)?|show(?:ing)?|help(?:ing)?|give|giving|check(?:ing)?)(?: me)?(?: out)?(?: here)?"
    r"|do (?:you|u) (?:happen to )?know"
    r"|i(?:'m| am|'ve| have)? ?(?:was |been )?(?:just )?(?:wondering|curious)(?: about)?"
    r"|(?:please |pls )?(?:help|tell|show) me(?: out)?(?: here)?|quick question)\s*[:,–-]?\s+",
    re.I,
)
_SOCIAL = re.compile(
    r"\b(?:hi|hey|hello|dear|greetings|good (?:morning|afternoon|evening|day)|thanks?|thank you|thx|cheers|please|pls"
    r"|plz|sorry|hope|appreciate|kindly|regards|quick question|no rush|in advance|bye"
    r"|no hurry|take your time|let me know if"
    r"|that would be (?:great|helpful|nice|lovely|awesome|perfect|appreciated))\b",
    re.I,
)
_NO_WH = rf"(?:(?!\b{_WH}\b)[^?.!])"
_LEAD = re.compile(
    rf"^(?P<lead>{_NO_WH}{{0,120}}?\b(?:tell|show|let|help|know|wonder(?:ing)?|curious|want(?:ed)?|need(?:ed)?|like"
    r"|love|ask(?:ing)?|figure out|find out|check|look up|trying|understand|remember|question|about)\b"
    rf"{_NO_WH}{{0,60}}?)(?=\b{_WH}\b)",
    re.I,
)
_THANKS = r"(?:please|pls|plz|thanks?(?: a lot| so much| in advance)?|thank you(?: so much| very much)?|thx|cheers)"
_TAIL = re.compile(
    rf"(?:,|\s[-–—])\s*(?:(?:and )?{_THANKS}\b[^,?.!]*"
    r"|if (?:you|(?:that|it) is (?:ok|okay|fine|possible|not))\b[^,?.!]*"
    r"|(?:do|can|could|would) you (?:know|tell|help)[^,?.!]*|i (?:need|want|guess|think)\b[^,?.!]*|would you|right"
    rf"|ok(?:ay)?)(?=\s*[?.!]*\s*$)|\s+{_THANKS}(?=\s*[?.!]*\s*$)",
    re.I,
)
_SURE = re.compile(r"(?:,\s*)?\b(?:u+m+|u+h+|e+r+m+|e+rr*|h+m+|a+h+|you know|i mean)\b(?:\s*,|\s*\.\.\.|…)?", re.I)
_SPOKEN = re.compile(
    r"(?:,\s*)?\b(?:like|well|basically|actually|kind of|kinda|sort of|sorta|literally|right|okay|ok|so|anyway|just"
    r"|let me see|let's see|wait)\b(?:\s*,)?",
    re.I,
)
_OPENER = re.compile(
    r"^(?:so|well|ok(?:ay)?|right|anyway|alright|hey|hi|hello)(?:\s+(?:there|all|everyone|team|guys))?\s*[,!.–-]+\s*",
    re.I,
)
_GREETING = re.compile(r"^(?:hey|hi|hello|dear)(?:\s+(?:there|all|everyone|team|guys|assistant|bot))?\b[,!.]?\s+", re.I)


def without_chatter(question: str) -> str:
    """The question alone; as it was where nothing was said around it, or nothing would be left.

    >>> without_chatter("Hi there! Could you tell me how many ferries sailed in 1994, please? Thanks a lot!")
    'how many ferries sailed in 1994?'
    >>> without_chatter("so um what is like the uh total you know in 2019")
    'what is the total in 2019'
    >>> without_chatter("I'm a sailor in Lunna. Which number shall I call?")
    "I'm a sailor in Lunna. Which number shall I call?"
    """
    raw = " ".join(question.split())
    text = _without_fillers(raw)
    parts = re.split(r"(?<=[.!?])\s+", text)
    asking = [part for part in parts if _ASKS.search(part) and not _is_social(part)]
    if asking:
        parts = [part for part in parts if not _is_social(part)]
    kept = [_without_frame(part) for part in parts]
    text = " ".join(part for part in kept if part).strip(" ,;-–—")
    return text if len(text.split()) >= SHORTEST else raw


def _is_social(part: str) -> bool:
    """Whether a sentence is said to a person and tells nothing to look for: no number, no quotation, no name."""
    if _FACT.search(part) or _NAME.search(part):
        return False
    words = part.split()
    if (
        _SOCIAL.search(part)
        and (len(words) <= 4 or not part.endswith("?"))
        and not re.search(rf"\b{_WH}\b", part, re.I)
    ):
        return True
    return bool(_SPEAKER.search(part)) and not part.endswith("?") and not re.search(rf"\b{_WH}\b", part, re.I)


def _without_fillers(text: str) -> str:
    if _SURE.search(text) is None:
        return text
    text = _SURE.sub(" ", text)
    text = _SPOKEN.sub(" ", text)
    return " ".join(re.sub(r"\s+([,?.!])", r"\1", text).split()).strip(" ,")


def _without_frame(part: str) -> str:
    """A sentence without its greeting, "could you tell me", and "please" or thanks at its end."""
    text = _OPENER.sub("", part)
    text = _GREETING.sub("", text)
    framed = _FRAME.match(text)
    if framed and len(text[framed.end() :].split()) >= SHORTEST:
        text = text[framed.end() :]
    for _ in range(2):
        text = _TAIL.sub("", text)
    lead = _LEAD.match(text)
    if lead and _PERSON.search(lead["lead"]) and not _FACT.search(lead["lead"]) and not _NAME.search(lead["lead"]):
        text = text[lead.end() :]
    return text.strip()
