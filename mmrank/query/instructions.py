"""Sentences and clauses of a question that say how to write the answer, not what is asked.

"Which counties are named? Write the answer in list format, e.g., ["a", "b"]": the second sentence would send the search
to pages about lists. Such a sentence is known by having no word of its own: all its words are words for answering.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ABBREVIATIONS = frozenset(
    "no nos fig figs sec sect ch chap vol vs eq tab p pp pg art dr mr mrs ms prof st inc ltd corp co dept est approx"
    " e.g i.e eg ie etc al cf jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_SENTENCE_END = re.compile(r"[?!]+[\"')\]]*|(?<=[^\s.])\.[\"')\]]*(?=\s+[\"'(\[]?[A-Z\u00c0-\u00de]|\s+please\b|\s*$)")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")

_VERBS = frozenset(
    "answer write give return format round rounded provide list enumerate express report state output specify formatted"
    " expressed written rounding".split()
)
_FORM = re.compile(
    r"\b(?:answers?|format(?:ted)?|integers?|int|floats?|strings?|decimals?|percent(?:age)?s?|round(?:ed|ing)?|exact"
    r"|accurate|json|units?|ascend(?:ing)?|descend(?:ing)?|alphabetical(?:ly)?|chronological|yes\W+(?:or\W+)?no"
    r"|(?:a|in|as)\s+(?:a\s+|the\s+)?(?:single\s+|one\s+)?(?:lists?|number|word|sentence|english)"
    r"|(?:in|as|to)\s+(?:usd\s+|us\s+|eur\s+)?(?:thousand|million|billion|dollar|euro|cent)s?)\b",
    re.IGNORECASE,
)
_OTHERS = frozenset(
    "answers formats integer integers int float floats string strings decimal decimals percent percents percentage"
    " percentages lists order unit units place places term terms yes no million millions billion billions thousand"
    " thousands usd dollar dollars eur euro euros cent cents one sentence word words english number rounded accurate"
    " exact only"
    " a an the of in on at to for as by with without and or each all them it its is are be should shall must needs need"
    " has have please kindly directly down me us your this that following final result results two three four five six"
    " seven eight nine ten first second nearest whole ascending ascend descending descend alphabetical alphabetically"
    " numeric numerical chronological appropriate single simple short brief full value values numbers digit digits page"
    " pages like such example examples e g eg if not using use style separated comma commas bracket brackets json"
    " point points after up date dates year years month months day days hour hours minute minutes yyyy mm dd line"
    " question questions nothing else just also between item items name names format: their then".split()
)
_WORDS = _VERBS | _OTHERS
ANSWERING = frozenset(word for word in _WORDS if len(word) > 2 and word.isalpha())
"""Words of sentences that say how to write an answer."""
_EXAMPLE = re.compile(
    r"[,;:(]?\s*\b(?:e\.\s?g\.|i\.\s?e\.|eg|for example|for instance|such as|like|example)[,:]?\s*"
    r"(?P<literal>\[[^\]]*\]?|(?:[\"“'‘][^\"”'’]{0,40}[\"”'’](?:\s*(?:,|and|or)?\s*)?)+)\)?\.*",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[.?!,;:]")
_EXAMPLES = re.compile(r"\b(?:eg|for example|for instance|such as|like)\b", re.IGNORECASE)
_LEADS_ON = frozenset(
    "i you we they he she it to can could must should shall will would do does did not the a an".split()
)
"""Before a verb of answering these make it part of what is asked: "how do I write …"."""
_BEGINS = re.compile(
    rf"(?:(?:and|please|kindly|directly|then)\s+)*(?:(?:your|the)\s+answers?|{'|'.join(sorted(_VERBS))})\s+\S",
    re.IGNORECASE,
)
_UNMARKED = re.compile(
    r"(?:(?:in|on|at|for|from|by|to|of|with|among|according to|as)\b.*?\b)?"
    r"(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b"
    r"[^?]*\w[)\]”\"’']*",
    re.IGNORECASE | re.DOTALL,
)
"""A question that ends in a word."""
FEWEST = 3
"""Words of a question without punctuation that stand before its instruction, at least."""
_LITERAL = re.compile(r"\[[^\]]*\]|\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)|‘[^’]*’")
_WORD = re.compile(r"[^\W\d_]+")
_PLACE = re.compile(
    r"\b(?:in|on|at|from|of|to)\s+(?:the\s+)?(?:page|slide|figure|table|section)s?\s*\(?\d", re.IGNORECASE
)

_WORK_NAMES = r"(?:document|report|paper|article|survey|guide ?book|guideline|slide|presentation|deck|text|pdf)s?"
_WORK = rf"(?:the|this|that|these)\s+(?:above |given |whole |entire )?{_WORK_NAMES}"
_POINTING = (
    re.compile(
        rf"^\s*(?:according to|based on|from|in|within|as shown in)\s+{_WORK}"
        r"(?:,\s*|\s+(?=(?:what|which|who|when|where|why|how|is|are|was|were|does|do|did|list|enumerate)\b))",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\s*\b(?:according to|based on|from|in|within|as shown in|of)\s+{_WORK}(?=\s*(?:[?.!]|$))", re.IGNORECASE
    ),
)
"""A clause that only says that the answer is in the document, which holds for every question."""
_SOURCE = re.compile(
    rf"(?:according to|based on|from|in|within|as shown in)\s+(?:the|this)\s[^.;:]*\b{_WORK_NAMES}\b"
    r"(?:\s+(?:of|on|by)\s[^.;:?]*)?\W*",
    re.IGNORECASE,
)
"""What may be left of an instruction: the name of the document that it is about, "in the Survey of Harbours"."""


def without_instructions(question: str) -> str:
    """The question without sentences, clauses and examples that say how to write the answer.

    A sentence goes only when it has a verb of answering and a form of answer, and no other word than such words. So no
    word that a page could hold is lost with it. A question that is all instruction stays as it is.

    >>> without_instructions("Which counties are named? Write the answer in list format, e.g., ['a', 'b']")
    'Which counties are named?'
    >>> without_instructions("How do I return an order without a receipt?")
    'How do I return an order without a receipt?'
    >>> without_instructions("List all areas in alphabetical order")
    'List all areas in alphabetical order'
    """
    whole = " ".join(question.split())
    kept = [text for text in map(_without_clauses, _sentences(whole)) if text]
    text = " ".join(kept)
    for pattern in _POINTING:
        text = pattern.sub("", text)
    text = " ".join(text.split()).strip(" ,;:-")
    return text if _has_content(text) else whole


def marked(question: str) -> str:
    """A question that ends without a mark, with its own, which stands before an instruction.

    >>> marked("which counties are named write the answer in list format eg [a b]")
    'which counties are named? write the answer in list format eg [a b]'
    >>> marked("how do I write a list"), marked("List the counties"), marked("Who? I need a name")
    ('how do I write a list?', 'List the counties', 'Who? I need a name')
    """
    if _UNMARKED.fullmatch(question) is None:
        return question
    words = question.split()
    for at in range(FEWEST, len(words)) if _MARKS.search(question) is None else ():
        tail = _EXAMPLES.split(" ".join(words[at:]), maxsplit=1)[0]
        if _BEGINS.match(tail) is None or words[at - 1].lower() in _LEADS_ON:
            continue
        asked = " ".join(words[:at])
        if is_instruction(tail) and _has_content(asked):
            return f"{asked}? {' '.join(words[at:])}"
    return f"{question}?"


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        before = text[start : end.start()].rsplit(maxsplit=1)
        last = before[-1].lower().lstrip("([\"'") if before else ""
        if end.group().startswith(".") and (last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha())):
            continue
        yield text[start : end.end()].strip()
        start = end.end()
    yield text[start:].strip()


def _without_clauses(sentence: str) -> str:
    """A sentence without examples of answers and clauses of instruction; empty where it is all instruction."""
    if is_instruction(sentence):
        return ""
    example = _EXAMPLE.search(sentence)
    if example:
        before, after = sentence[: example.start()].strip(), sentence[example.end() :].strip()
        if is_instruction(before) or example["literal"].startswith("["):
            if is_instruction(before) and _SOURCE.fullmatch(after):
                return ""
            parts = [part for part in (before, after) if part.strip(" .,;)") and not is_instruction(part)]
            return " ".join(map(_without_clauses, parts))
    sentence = _BRACKETS.sub(lambda found: "" if is_instruction(found[1]) else found.group(), sentence)
    pieces = re.split(r"([,;]\s+)", sentence)
    while len(pieces) > 2 and is_instruction(pieces[-1]):
        end = "?" if pieces[-1].rstrip().endswith("?") else ""
        pieces = pieces[:-2]
        pieces[-1] += end
    return "".join(pieces).strip()


def is_instruction(clause: str) -> bool:
    """Whether a sentence or clause only says how to write the answer.

    >>> [is_instruction(text) for text in ("Round to 2 decimals.", "Answer 'yes' or 'no'.", "Round the edges.")]
    [True, True, False]
    """
    if _PLACE.search(clause) and not re.search(r"\b(?:answer|format|example)\b", clause, re.IGNORECASE):
        return False
    words = {word.lower() for word in _WORD.findall(_LITERAL.sub(" ", clause))}
    return not _VERBS.isdisjoint(words) and _WORDS.issuperset(words) and bool(_FORM.search(clause))


def _has_content(text: str) -> bool:
    words = [word.lower() for word in re.findall(r"\w+", text)]
    return any(word not in _OTHERS for word in words)
