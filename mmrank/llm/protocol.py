"""What a chat model is: it answers conversations with text, or scores labels as the next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mmrank.types import ImageRef

Role = Literal["system", "user", "assistant", "query", "document"]
"""The last two are those of chat templates that rerankers bring along."""
Content = str | ImageRef


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: text and pictures in the order the model reads them."""

    role: Role
    content: tuple[Content, ...]

    @property
    def text(self) -> str:
        """The text alone, pieces joined as they stand."""
        return "".join(piece for piece in self.content if isinstance(piece, str))

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The pictures alone, in order."""
        return tuple(piece for piece in self.content if isinstance(piece, ImageRef))


def system(text: str) -> Message:
    """A system turn."""
    return Message("system", (text,))


def user(*content: Content) -> Message:
    """A user turn."""
    return Message("user", content)


def assistant(text: str) -> Message:
    """A turn of the model. As the last message of a chat it is the beginning of the answer."""
    return Message("assistant", (text,))


Chat = Sequence[Message]


class Form(Protocol):
    """The texts that an answer may be, character by character.

    Engines that see every token constrain the model by `allows`. Servers are sent `regex` or `gbnf`, which may allow
    more.
    """

    def allows(self, text: str) -> bool:
        """Whether `text` is the beginning of an answer."""
        ...

    def is_complete(self, text: str) -> bool:
        """Whether `text` is a whole answer."""
        ...

    @property
    def regex(self) -> str:
        """The form, or a wider one, as a regular expression."""
        ...

    @property
    def gbnf(self) -> str:
        """The form, or a wider one, as a llama.cpp grammar."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are generated. A temperature of 0 is greedy; equal seeds give equal answers on one machine."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote. `finished` is False where `max_tokens` cut it short."""

    text: str
    finished: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class LabelLogits:
    """Next-token scores of label tokens.

    `values` is (chats, labels), float32: logits, or log-probabilities where a server gives only those; either way the
    difference of two labels of one chat is the log of their odds. A row is NaN where none of the labels could be seen.
    `computed_tokens` is `prompt_tokens` less what a prefix cache saved.
    """

    values: NDArray[np.float32]
    prompt_tokens: int
    computed_tokens: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Identity and limits.

    `image_tokens` bounds one picture and is 0 where the model reads none; `max_images` bounds the pictures of a chat
    and is 0 where only the context does.
    """

    name: str
    engine: str
    context_tokens: int
    image_tokens: int = 0
    continues: bool = True
    """Whether a last assistant message is taken as the beginning of the answer."""
    holds: bool = True
    """Whether an answer can be constrained to a form."""
    max_images: int = 0

    @property
    def reads_images(self) -> bool:
        """Whether pictures may stand in a chat."""
        return self.image_tokens > 0


@runtime_checkable
class ChatModel(Protocol):
    """A model that answers chats.

    Every implementation promises: answers come in the order of the chats; a chat's label logits do not depend on what
    it is batched with (to 1e-3 in float32); control tokens in the text of a message are read as plain text; a chat
    longer than the context raises `InputError` and is never cut.
    """

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes; engines without a tokenizer give an upper estimate."""
        ...

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        """Answer each chat `samples` times."""
        ...

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        """Score each label as the next token of each chat.

        Raises:
            InputError: when a label is not one token of this model.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """Log-likelihoods of the last turns of chats.

    `values` is (chats,), float32: the sum of the log-probabilities of the last turn's tokens; `tokens` is (chats,), how
    many they are. `computed_tokens` counts what ran through the model.
    """

    values: NDArray[np.float32]
    tokens: NDArray[np.int64]
    computed_tokens: int


@runtime_checkable
class LikelihoodModel(Protocol):
    """A model that gives the log-probability of a given answer."""

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes."""
        ...

    def log_likelihoods(self, chats: Sequence[Chat]) -> LogLikelihoods:
        """The log-probability of each chat's last message, the assistant's, after those before it."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """A model that continues plain text, token by token, and gives the log-probability of how a text goes on."""

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        ...

    @property
    def beginning(self) -> tuple[int, ...]:
        """Tokens that stand before every text; empty for a model that was trained without."""
        ...

    def text_ids(self, text: str) -> list[int]:
        """The tokens of a text, without those of `beginning`."""
        ...

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        ...

    def continuations(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> LogLikelihoods:
        """The log-probability of the last `counts` tokens of each row after those before them.

        Raises:
            InputError: when nothing stands before them, or a row is longer than the context.
        """
        ...


@dataclass(frozen=True, slots=True)
class AttentionReading:
    """Attention of a prompt's endings to each token of its beginning.

    `offsets` is (tokens, 2): character spans of the beginning's tokens. `values` is (endings, tokens), float32: summed
    over layers and heads, averaged over the tokens of the ending, softmax over the whole causal context.
    `computed_tokens` counts each token once for each time it ran through the model.
    """

    offsets: NDArray[np.int64]
    values: NDArray[np.float32]
    computed_tokens: int


@runtime_checkable
class AttentionModel(Protocol):
    """A model whose attention can be read."""

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes."""
        ...

    def render(self, chat: Chat) -> str:
        """The prompt as the model reads it, up to where its answer begins."""
        ...

    def read_attention(self, beginning: str, endings: Sequence[str]) -> AttentionReading:
        """Run each ending after the shared beginning (run once) and collect the attention paid to the beginning."""
        ...
