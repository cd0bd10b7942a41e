"""Short reasons for the hits that are shown, one after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel, Sampling, assistant
from mmrank.rerankers.focus import focused
from mmrank.rerankers.presentation import fit, fit_query, room_for, show, show_query
from mmrank.rerankers.prompts import REASON_BEGINS, reason_chat
from mmrank.types import Candidate, Query

NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
WORDS = re.compile(r"[^\W\d_]{4,}")
SUPPORT = 0.8


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a candidate says about the question, as a language model puts it.

    Small models invent. `grounded` is the share of the text's longer words and numbers that stand in what the model
    read; `supported` is False where that is below 0.8 or a number does not stand there. `seconds` is the time taken.
    """

    candidate_id: str
    text: str
    grounded: float
    supported: bool
    seconds: float


class Explainer:
    """Writes a sentence per hit.

    Args:
        model: writes answers.
        max_tokens: upper bound of a reason.
        words: how many words of a candidate's text are read, those that fit the query best.
    """

    def __init__(self, model: ChatModel, *, max_tokens: int = 48, words: int = 120) -> None:
        if max_tokens < 1 or words < 8:
            raise InputError("max_tokens must be at least 1 and words at least 8")
        self._model = model
        self._max_tokens = max_tokens
        self._words = words

    def explain(self, query: Query, candidates: Iterable[Candidate]) -> Iterator[Explanation]:
        """Explanations in the order of the candidates, each as soon as it is written.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        model, info = self._model, self._model.info
        query = fit_query(query, model)
        asked = show_query(query, info)
        room = room_for(model, reason_chat(asked, ()), self._max_tokens)
        sampling = Sampling(self._max_tokens, stop=("\n",))
        for candidate in candidates:
            begun = time.perf_counter()
            shown = focused(query.text, show(candidate, info), self._words)
            [[content], _] = fit([shown], room, model)
            chat = reason_chat(asked, content)
            if info.continues:
                chat.append(assistant(REASON_BEGINS))
            [[written]] = model.generate([chat], sampling)
            text = whole_sentences(written.text, written.finished)
            if info.continues:
                text = text[:1].upper() + text[1:]
            source = query.text + " " + "".join(piece for piece in content if isinstance(piece, str))
            share = grounded(text, source)
            known = set(NUMBERS.findall(source))
            supported = share >= SUPPORT and all(number in known for number in NUMBERS.findall(text))
            yield Explanation(candidate.id, text, share, supported, time.perf_counter() - begun)


def whole_sentences(text: str, finished: bool) -> str:
    """The text without a last sentence that was cut short, unless it is the only one.

    >>> whole_sentences("Sales rose. They did so bec", False)
    'Sales rose.'
    """
    text = " ".join(text.split())
    if finished or text.endswith((".", "!", "?")):
        return text
    whole = re.match(r"(.*[.!?])\s", text)
    return whole[1] if whole else text + " …"


def grounded(reason: str, source: str) -> float:
    """Share of a reason's longer words and numbers that stand in the source, 0 to 1; 1 where it has none.

    >>> grounded("Revenue rose to 4.2 million", "Revenue: 4.2 million")
    0.75
    """
    said = [*WORDS.findall(reason.lower()), *NUMBERS.findall(reason)]
    known = {*WORDS.findall(source.lower()), *NUMBERS.findall(source)}
    return sum(word in known for word in said) / len(said) if said else 1.0
