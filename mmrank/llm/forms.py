"""Forms an answer can be held to."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permutation:
    """The ids 1 to `count`, each once: "[3, 1, 2]".

    `opened` leaves the first bracket out: it stands at the end of the prompt.

    >>> form = Permutation(3)
    >>> form.allows("[3, 1"), form.allows("[3, 3"), form.is_complete("[3, 1, 2]")
    (True, False, True)
    """

    count: int
    opened: bool = False

    @property
    def alphabet(self) -> frozenset[str]:
        """Every character an answer can hold: engines need to try only tokens made of these."""
        return frozenset("[], 0123456789")

    def allows(self, text: str) -> bool:
        """Whether `text` is the beginning of a permutation."""
        if not self.opened:
            if not text:
                return True
            if text[0] != "[":
                return False
            text = text[1:]
        body, closed, rest = text.partition("]")
        if rest:
            return False
        *done, last = body.split(",")
        ids = [re.fullmatch(r" ([1-9]\d*)" if i else r"([1-9]\d*)", piece) for i, piece in enumerate(done)]
        if not all(ids):
            return False
        used = [int(found[1]) for found in ids if found]
        if len(set(used)) != len(used) or any(i > self.count for i in used) or len(used) >= self.count:
            return False
        free = [str(i) for i in range(1, self.count + 1) if i not in used]
        digits = last[1:] if done and last.startswith(" ") else last
        if done and last and not last.startswith(" "):
            return False
        if closed:
            return len(used) == self.count - 1 and digits in free
        return not digits or any(name.startswith(digits) for name in free)

    def is_complete(self, text: str) -> bool:
        """Whether `text` is a whole permutation."""
        return text.endswith("]") and self.allows(text)

    @property
    def regex(self) -> str:
        """A list of `count` ids; that none repeats cannot be said in a regular expression of bearable size."""
        one = "|".join(str(i) for i in range(1, self.count + 1))
        return ("" if self.opened else r"\[") + rf"({one})(, ({one})){{{self.count - 1}}}\]"

    @property
    def gbnf(self) -> str:
        """A list of `count` ids, as a llama.cpp grammar; ids may repeat, as in `regex`."""
        one = " | ".join(f'"{i}"' for i in range(1, self.count + 1))
        bracket = "" if self.opened else '"[" '
        more = ' ", " id' * (self.count - 1)
        return f'root ::= {bracket}id{more} "]"\nid ::= {one}\n'


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some short answers, word for word."""

    answers: tuple[str, ...]

    @property
    def alphabet(self) -> frozenset[str]:
        """Every character an answer can hold."""
        return frozenset("".join(self.answers))

    def allows(self, text: str) -> bool:
        """Whether an answer begins with `text`."""
        return any(answer.startswith(text) for answer in self.answers)

    def is_complete(self, text: str) -> bool:
        """Whether `text` is one of the answers and no longer one follows it."""
        longer = any(answer.startswith(text) and answer != text for answer in self.answers)
        return text in self.answers and not longer

    @property
    def regex(self) -> str:
        """The answers as a regular expression."""
        return "(" + "|".join(re.escape(answer) for answer in self.answers) + ")"

    @property
    def gbnf(self) -> str:
        """The answers as a llama.cpp grammar."""
        quoted = ('"' + a.replace("\\", "\\\\").replace('"', '\\"') + '"' for a in self.answers)
        return f"root ::= {' | '.join(quoted)}\n"
