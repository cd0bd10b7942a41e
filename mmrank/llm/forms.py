"""Forms that an answer can be constrained to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmrank.llm.protocol import Form


@dataclass(frozen=True, slots=True)
class Permutation:
    """The ids 1 to `count`, each once: "[3, 1, 2]", or with the separator "] > [": "[3] > [1] > [2]".

    `opened` leaves the first bracket out: it stands at the end of the prompt.

    >>> form = Permutation(3)
    >>> form.allows("[3, 1"), form.allows("[3, 3"), form.is_complete("[3, 1, 2]")
    (True, False, True)
    """

    count: int
    opened: bool = False
    separator: str = ", "

    @property
    def alphabet(self) -> frozenset[str]:
        """Every character an answer can hold: engines need to try only tokens made of these."""
        return frozenset("[]0123456789" + self.separator)

    def allows(self, text: str) -> bool:
        """Whether `text` is the beginning of a permutation."""
        rest = text
        if not self.opened:
            if not rest.startswith("["):
                return not rest
            rest = rest[1:]
        free = {str(i) for i in range(1, self.count + 1)}
        while True:
            digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
            if digits == rest:
                return not digits or any(name.startswith(digits) for name in free)
            if digits not in free:
                return False
            free.remove(digits)
            then = self.separator if free else "]"
            rest = rest[len(digits) :]
            if len(rest) < len(then):
                return then.startswith(rest)
            if not rest.startswith(then):
                return False
            rest = rest[len(then) :]
            if not free:
                return not rest

    def is_complete(self, text: str) -> bool:
        """Whether `text` is a whole permutation."""
        ids = re.findall(r"\d+", text)
        return len(ids) == self.count and text.endswith("]") and self.allows(text)

    @property
    def regex(self) -> str:
        """A list of `count` ids; a regular expression that also forbids repeated ids would be too large."""
        one = "|".join(str(i) for i in range(1, self.count + 1))
        more = rf"({re.escape(self.separator)}({one})){{{self.count - 1}}}"
        return ("" if self.opened else r"\[") + rf"({one}){more}\]"

    @property
    def gbnf(self) -> str:
        """A list of `count` ids, as a llama.cpp grammar; ids may repeat, as in `regex`."""
        one = " | ".join(f'"{i}"' for i in range(1, self.count + 1))
        bracket = "" if self.opened else '"[" '
        more = f' "{self.separator}" id' * (self.count - 1)
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
        return f"root ::= {' | '.join(map(_quoted, self.answers))}\n"


@dataclass(frozen=True, slots=True)
class Framed:
    """Another form, with fixed text before and after it.

    >>> Framed("<answer>", OneOf(("[1]", "[2]")), "</answer>").is_complete("<answer>[2]</answer>")
    True
    """

    before: str
    form: Form
    after: str

    def allows(self, text: str) -> bool:
        """Whether an answer begins with `text`."""
        if len(text) <= len(self.before) or not text.startswith(self.before):
            return self.before.startswith(text)
        rest = text[len(self.before) :]
        ends = range(max(0, len(rest) - len(self.after)), len(rest))
        return self.form.allows(rest) or any(
            self.form.is_complete(rest[:end]) and self.after.startswith(rest[end:]) for end in ends
        )

    def is_complete(self, text: str) -> bool:
        """Whether `text` is a whole answer."""
        inner = text.removeprefix(self.before).removesuffix(self.after)
        return text == self.before + inner + self.after and self.form.is_complete(inner)

    @property
    def regex(self) -> str:
        """The whole as a regular expression."""
        return re.escape(self.before) + self.form.regex + re.escape(self.after)

    @property
    def gbnf(self) -> str:
        """The whole as a llama.cpp grammar."""
        root = f"{_quoted(self.before)} held {_quoted(self.after)}"
        return f"root ::= {root}\n" + self.form.gbnf.replace("root ::=", "held ::=", 1)


def _quoted(text: str) -> str:
    """Text as a literal of a llama.cpp grammar."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
