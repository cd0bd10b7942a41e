"""An answer as the page shows it: sentence by sentence, while the rest is still being found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mmrank.answer.asking import AnswerStream
from mmrank.answer.result import Answer, AnswerSentence
from mmrank.errors import MmrankError
from mmrank.serve.page.address import Address
from mmrank.serve.page.views import SentenceView, level, sentence_view
from mmrank.types import Hit

PAUSE = "\0"
"""Where a template writes this, what is written so far is sent: what follows may take long."""


class AnswerView:
    """What a template shows of an answer. Iterate over `sentences` first; then the rest is there.

    Args:
        ask: begins the answer, or gives one that was given before.
        keep: is called with the whole answer.
        address: of the page that shows it.
    """

    def __init__(
        self, ask: Callable[[], AnswerStream | Answer], keep: Callable[[Answer], object], address: Address
    ) -> None:
        self._ask, self._keep, self._address = ask, keep, address
        self.answer: Answer | None = None
        self.error = ""

    @property
    def sentences(self) -> Iterator[SentenceView]:
        """The sentences, each as soon as it is found."""
        cited = 0
        for sentence in self._found():
            yield sentence_view(sentence, cited + 1, self._address)
            cited += len(sentence.hits)

    def _found(self) -> Iterator[AnswerSentence]:
        try:
            begun = self._ask()
            if isinstance(begun, Answer):
                self.answer = begun
                yield from begun.sentences
                return
            yield from begun
            self.answer = begun.answer
            self._keep(self.answer)
        except MmrankError as error:
            self.error = str(error)

    @property
    def hits(self) -> list[Hit]:
        """The pages that were found for the question."""
        return list(self.answer.hits) if self.answer else []

    @property
    def cited(self) -> Hit | None:
        """The first page that the answer rests on; without an answer the nearest one."""
        if self.answer is None:
            return None
        first = next((hit for sentence in self.answer.sentences for hit in sentence.hits), None)
        return first or next(iter(self.answer.hits), None)

    @property
    def percent(self) -> int:
        """How sure the cited page is right."""
        return round(100 * self.answer.confidence) if self.answer else 0

    @property
    def level(self) -> str:
        """The same in a word."""
        return level(self.answer.confidence if self.answer else 0.0)
