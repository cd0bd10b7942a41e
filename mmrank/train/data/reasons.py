"""Listwise examples with reasons: one line per candidate, then the ranking with the relevant candidates first.

Reasons are written by a language model (`with_reasons`) or, without one, by a template over the text of a candidate.
The examples record which.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.rerankers.focus import focus
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.negatives import word_overlap

if TYPE_CHECKING:
    from mmrank.llm.protocol import ChatModel

VERDICT_WORDS = 5
"""Words of the verdict in a reason by the template, at most."""

ReasonWriter = Callable[[str, str, bool], str]
"""(question, passage, relevant) → why the passage answers, or why it does not."""


@dataclass(frozen=True, slots=True)
class ListwiseExample:
    """Candidates as they are shown; `relevant` and `ranking` hold ids from 1; `origin` says who wrote the reasons."""

    query: str
    candidates: tuple[str, ...]
    relevant: tuple[int, ...]
    reasons: tuple[str, ...]
    ranking: tuple[int, ...]
    group: str
    origin: str

    def answer(self, noun: str = "Passage", *, best_first: bool = False) -> str:
        """The answer to learn: one line per candidate, as they are shown or in the order of the ranking."""
        order = self.ranking if best_first else range(1, len(self.reasons) + 1)
        lines = "\n".join(f"{noun} {number}: {self.reasons[number - 1]}" for number in order)
        return f"<think>{lines}</think><answer>[{', '.join(map(str, self.ranking))}]</answer>"

    def chain(self) -> str:
        """The answer to learn in the form of DeAR: three steps, then ids with > between them."""
        held = " ".join(f"[{number}] {reason}." for number, reason in enumerate(self.reasons, 1))
        order = " > ".join(f"[{number}]" for number in self.ranking)
        return f"<think>1. The query asks: {self.query} 2. {held} 3. First what helps, then the rest.</think>{order}"


def listwise_example(
    example: RankingExample,
    *,
    candidates: int = 5,
    seed: int = 0,
    words: int = 40,
    read: Callable[[str], str] | None = None,
) -> ListwiseExample:
    """Shuffle candidates, and give each a reason.

    Args:
        example: at least one relevant passage and one that is not.
        candidates: at most this many; relevant ones are kept first.
        seed: of the shuffle.
        words: per reason, at most.
        read: candidate → what is shown of it; the template quotes nothing else. By default its whole text.

    Raises:
        InputError: when the example has no negative.
    """
    if not example.negatives:
        raise InputError(f"the question {example.query[:60]!r} has no negative to compare with")
    kept = [(text, True) for text in example.positives[: candidates - 1]]
    kept += [(text, False) for text in example.negatives[: candidates - len(kept)]]
    random.Random(f"{seed}/{example.group}/{example.query}").shuffle(kept)
    read = read or example.text_of
    reasons = [
        " ".join(example.reasons[text].split()[:words])
        if text in example.reasons
        else template_reason(example.query, read(text), good, words=words)
        for text, good in kept
    ]
    relevant = tuple(number for number, (_, good) in enumerate(kept, 1) if good)
    rest = [number for number, (_, good) in enumerate(kept, 1) if not good]
    return ListwiseExample(
        example.query,
        tuple(text for text, _ in kept),
        relevant,
        tuple(reasons),
        (*relevant, *rest),
        example.group,
        example.reasons_by,
    )


def with_reasons(example: RankingExample, writer: ReasonWriter, name: str) -> RankingExample:
    """The example with a written reason for each candidate; the template will stand in for empty ones.

    Args:
        example: a question and its candidates.
        writer: gets the question, the text of a candidate, and whether it is relevant.
        name: of the writer, recorded as "teacher:<name>".
    """
    written = {text: writer(example.query, example.text_of(text), True) for text in example.positives}
    written |= {text: writer(example.query, example.text_of(text), False) for text in example.negatives}
    kept = {text: " ".join(reason.split()) for text, reason in written.items() if reason.strip()}
    return replace(example, reasons=kept, reasons_by=f"teacher:{name}")


def chat_writer(model: ChatModel, *, words: int = 40) -> ReasonWriter:
    """Let a chat model write reasons: it gets the label and is asked for the reason."""
    from mmrank.llm.protocol import Sampling, user

    def explain(query: str, passage: str, relevant: bool) -> str:
        said = "answers" if relevant else "does not answer"
        asked = (
            f"Passage: {passage}\n\nQuestion: {query}\n\nThis passage {said} the question. Say why in one sentence of "
            f"at most {words} words, naming what the passage says."
        )
        ((answer,),) = model.generate([[user(asked)]], Sampling(max_tokens=2 * words))
        return answer.text

    return explain


def template_reason(query: str, passage: str, relevant: bool, *, words: int = 40) -> str:
    """A quote from the sentence that shares most words with the question, then the verdict.

    >>> template_reason("Where is the anchor?", "It rained. The anchor lies here.", True)
    'says "The anchor lies here.": it helps'
    >>> template_reason("Where is the anchor?", "Sales rose.", False)
    'says "Sales rose.": it does not help'
    """
    verdict = "it helps" if relevant else "it does not help"
    if not passage.strip():
        return f"says nothing that can be read: {verdict}"
    sentences = _sentences(passage)
    best = max(zip(word_overlap(query, sentences), sentences, strict=True), key=lambda pair: pair[0])[1]
    quoted = focus(query, best, max(1, words - VERDICT_WORDS))
    return f'says "{quoted}": {verdict}'


def _sentences(passage: str) -> Sequence[str]:
    found = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", passage) if part.strip()]
    return found or [passage]
