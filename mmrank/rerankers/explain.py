"""Short reasons for the hits that are shown, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel, Sampling
from mmrank.rerankers.presentation import fit, fit_query, room_for, show, show_query
from mmrank.rerankers.prompts import reason_chat
from mmrank.types import Candidate, Query


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate is shown.

    `grounded` is the share of the reason's content words and numbers that stand in the candidate or the query: a small
    model invents, and what it invents shows here.
    """

    candidate_id: str
    text: str
    grounded: float
    seconds: float


class Explainer:
    """Writes a sentence a hit.

    Args:
        model: writes answers.
        max_tokens: upper bound of a reason.
        passage_tokens: upper bound of what is read of a candidate.
    """

    def __init__(self, model: ChatModel, *, max_tokens: int = 48, passage_tokens: int = 256) -> None:
        if max_tokens < 1 or passage_tokens < 1:
            raise InputError("max_tokens and passage_tokens must be at least 1")
        self._model = model
        self._max_tokens = max_tokens
        self._passage_tokens = passage_tokens

    def explain(self, query: Query, candidates: Iterable[Candidate]) -> Iterator[Reason]:
        """Reasons in the order of the candidates, each as soon as it is written.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        import time

        model, info = self._model, self._model.info
        query = fit_query(query, model)
        asked = show_query(query, info)
        frame = "".join(message.text for message in reason_chat(asked, ()))
        room = room_for(model, frame, self._max_tokens, images=query.image is not None)
        room = type(room)(min(room.tokens, self._passage_tokens), room.image_tokens)
        sampling = Sampling(self._max_tokens, stop=("\n",))
        for candidate in candidates:
            begun = time.perf_counter()
            [content] = fit([show(candidate, info)], room, model)
            [[written]] = model.generate([reason_chat(asked, content)], sampling)
            text = whole_sentences(written.text, written.finished)
            yield Reason(
                candidate.id, text, grounded(text, candidate.text + " " + query.text), time.perf_counter() - begun
            )


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
    """Share of a reason's numbers and longer words that stand in the source, 0 to 1; 1 where it has none.

    >>> grounded("Revenue rose to 4.2 million", "Revenue: 4.2 million")
    0.75
    """
    words = re.findall(r"[^\W\d_]{4,}|\d+(?:[.,]\d+)*", reason.lower())
    if not words:
        return 1.0
    known = set(re.findall(r"[^\W\d_]{4,}|\d+(?:[.,]\d+)*", source.lower()))
    return sum(word in known for word in words) / len(words)
