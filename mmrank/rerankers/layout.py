"""How a question and candidates are laid out in a conversation: turns with fields in braces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mmrank.llm.protocol import Content, Message, Role

FIELDS = ("query", "candidate", "candidates", "number", "count", "instruction", "noun", "nouns", "words")
"""What may stand in braces: the question; a candidate, or all of them; its number; how many there are; what relevance
means; what a candidate is called, "Passage" or "Image", and several in small letters; words per reason."""
_FIELD = re.compile(r"\{([a-z_]+)\}")
_INSTRUCTION_LINE = re.compile(r"^[^\n{}]*\{instruction\}[^\n{}]*(?:\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. `each`: it is repeated for each candidate, together with the turns beside it that are repeated too."""

    role: Role
    text: str
    each: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The turns of a conversation, the last of which asks for the answer.

    Args:
        turns: in order; their texts hold fields of `FIELDS` in braces. A line that holds {instruction} and no other
            field is left out where there is no instruction.
        candidate: how one candidate is written where {candidates} stands.
        pictures_first: whether the pictures of a question or a candidate stand before its text, or where they are.
        begins: what the answer begins with, written for the model.
    """

    turns: tuple[Turn, ...]
    candidate: str = "{candidate}"
    pictures_first: bool = False
    begins: str = ""

    def chat(
        self, query: Sequence[Content], candidates: Sequence[Sequence[Content]], **values: str | int
    ) -> list[Message]:
        """The conversation.

        Args:
            query: what is asked.
            candidates: numbered from 1.
            values: of the other fields: instruction, noun, words. `count` and `nouns` follow.
        """
        filled = {"instruction": "", "noun": "Passage", "words": 40, **values, "count": len(candidates)}
        filled["nouns"] = f"{str(filled['noun']).lower()}s"
        contents: dict[str, Sequence[Content]] = {name: (str(value),) for name, value in filled.items()}
        contents["query"] = self._ordered(query)
        ordered = [self._ordered(candidate) for candidate in candidates]
        numbered = [{**contents, "candidate": one, "number": (str(i),)} for i, one in enumerate(ordered, 1)]
        contents["candidates"] = [piece for own in numbered for piece in self._pieces(self.candidate, own)]
        if len(ordered) == 1:
            contents["candidate"] = ordered[0]
        chat: list[Message] = []
        for each, group in groupby(self.turns, key=lambda turn: turn.each):
            turns = list(group)
            for own in numbered if each else [contents]:
                chat += [Message(turn.role, tuple(joined(self._pieces(turn.text, own)))) for turn in turns]
        if self.begins:
            chat.append(Message("assistant", (self.begins,)))
        return chat

    def fields(self) -> set[str]:
        """The names in braces."""
        return {name for text in (self.candidate, *(turn.text for turn in self.turns)) for name in _FIELD.findall(text)}

    @staticmethod
    def _pieces(text: str, contents: dict[str, Sequence[Content]]) -> Iterator[Content]:
        if contents["instruction"] == ("",):
            text = _INSTRUCTION_LINE.sub("", text)
        for at, part in enumerate(_FIELD.split(text)):
            if at % 2:
                yield from contents[part]
            elif part:
                yield part

    def _ordered(self, pieces: Sequence[Content]) -> Sequence[Content]:
        """Pictures before the text, where they are to stand there."""
        pictures = [piece for piece in pieces if not isinstance(piece, str)]
        if not self.pictures_first or not pictures:
            return pieces
        texts = [piece.strip("\n") for piece in pieces if isinstance(piece, str)]
        return [*pictures, "\n".join(text for text in texts if text)]


def joined(pieces: Iterator[Content] | Sequence[Content]) -> list[Content]:
    """Neighbouring texts as one."""
    out: list[Content] = []
    for piece in pieces:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return out
