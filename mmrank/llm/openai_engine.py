"""Chat models behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp's own, hosted ones."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from mmrank.errors import InputError, MmrankError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer, token_count
from mmrank.llm.protocol import Answer, Chat, Content, Form, LabelLogits, Message, ModelInfo, Sampling
from mmrank.llm.quoting import quote_control_tokens
from mmrank.llm.streaming import BrokenAnswerError
from mmrank.printable import one_line

TOP_LOGPROBS = 20
"""The most log-probabilities per token that the interface returns."""

CONTEXT = 8192
"""Tokens, where neither the caller nor the server says how many a model reads."""

Flavour = Literal["openai", "vllm", "sglang", "llama.cpp"]
FLAVOURS: tuple[Flavour, ...] = ("openai", "vllm", "sglang", "llama.cpp")


class OpenAIChat:
    """A model of a server that answers `/chat/completions`.

    Tokens are counted by an upper estimate, `estimated_tokens`, because servers do not share their tokenizer.

    Args:
        server: the server that is called.
        model: its name there.
        context_tokens: longest prompt and answer together; None for what the server reports, `CONTEXT` where it
            reports nothing.
        image_tokens: upper bound of one picture; 0 for a model that reads none.
        max_images: pictures that the server takes per prompt; 0 for what the context holds.
        max_pixels: pictures are scaled to at most this many pixels before they are sent.
        flavour: which extensions the server knows. "vllm" and "sglang" continue an assistant's turn and take regular
            expressions, "llama.cpp" takes grammars, "openai" none of these.
    """

    def __init__(
        self,
        server: ModelServer,
        model: str,
        *,
        context_tokens: int | None = None,
        image_tokens: int = 0,
        max_images: int = 0,
        max_pixels: int = 1_003_520,
        flavour: Flavour = "openai",
    ) -> None:
        if flavour not in FLAVOURS:
            raise InputError(f"unknown kind of server {flavour!r}; there are: {', '.join(FLAVOURS)}")
        self.server = server
        self._model = model
        self._max_pixels = max_pixels
        self._flavour = flavour
        continues, holds = flavour in {"vllm", "sglang"}, flavour != "openai"
        self._info = ModelInfo(model, "server", context_tokens or 0, image_tokens, continues, holds, max_images)

    @property
    def info(self) -> ModelInfo:
        """Identity and limits. The server is asked for its context once, where it was not given."""
        if not self._info.context_tokens:
            self._info = replace(self._info, context_tokens=self._reported_context() or CONTEXT)
        return self._info

    def _reported_context(self) -> int | None:
        """The context that the server reports, in tokens."""
        if self._flavour == "llama.cpp":
            said = self.server.ask("../props")
            found = _at(said, "default_generation_settings", "n_ctx")
        else:
            listed = _at(self.server.ask("models"), "data")
            models = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            named = [one for one in models if one.get("id") == self._model] or models
            found = _at(named[0], "max_model_len") if len(named) == 1 else None
        return found if type(found) is int and 256 <= found <= 1 << 26 else None

    def count_tokens(self, text: str) -> int:
        """An upper estimate of how many tokens `text` takes."""
        return estimated_tokens(text)

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        """Answer each chat `samples` times.

        Raises:
            InputError: when the server cannot constrain an answer to a form, or continue one.
            MmrankError: when the server refuses or keeps failing.
        """
        settings: dict[str, Any] = {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if sampling.stop:
            settings["stop"] = list(sampling.stop)
        if sampling.form is not None:
            settings |= self._held(sampling.form)
        # llama.cpp's own server ignores "n": asking once for each sample works everywhere.
        asked = [(chat, sampling.seed + i) for chat in chats for i in range(samples)]
        found: list[Answer] = self.server.map(
            lambda one: self._ask(one[0], {**settings, "seed": one[1]}, _read_answer), asked
        )
        return [tuple(found[i : i + samples]) for i in range(0, len(found), samples)]

    def stream(self, chat: Chat, sampling: Sampling) -> Iterator[str]:
        """The answer to one chat, piece by piece.

        Raises:
            MmrankError: when the server refuses or cannot be reached.
            BrokenAnswerError: when it stops before the answer is complete.
        """
        body = {
            "model": self._model,
            "messages": [self._turn(message) for message in chat],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "stream": True,
        }
        begun, end = False, None
        try:
            for line in self.server.post_for_lines("chat/completions", body):
                piece, reason = _read_piece(line)
                begun = begun or bool(piece)
                end = reason or end
                if piece:
                    yield piece
        except MmrankError as error:
            if not begun:
                raise
            raise BrokenAnswerError(f"{self.server.url} stopped in the middle of an answer: {error}") from error
        if end == "length":
            raise BrokenAnswerError(f"the answer of {self._model} was cut short after {sampling.max_tokens} tokens")
        if end is None and not begun:
            raise BrokenAnswerError(f"{self.server.url} answered nothing that an OpenAI-compatible server streams")
        if end != "stop":
            raise BrokenAnswerError(f"{self.server.url} stopped in the middle of an answer; ask again")

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        """Log-probabilities of labels as the next token.

        A label that is not among the server's most probable tokens gets the least of their log-probabilities, which
        bounds it from above; where no label is among them the row is NaN.
        """
        settings = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        found: list[tuple[list[float], int]] = self.server.map(
            lambda chat: self._ask(chat, settings, lambda body: _read_labels(body, labels)), chats
        )
        values = np.array([row for row, _ in found], dtype=np.float32).reshape(len(chats), len(labels))
        tokens = sum(count for _, count in found)
        return LabelLogits(values, tokens, tokens)

    def _held(self, form: Form) -> dict[str, Any]:
        if self._flavour == "vllm":
            return {"structured_outputs": {"regex": form.regex}}
        if self._flavour == "sglang":
            return {"regex": form.regex}
        if self._flavour == "llama.cpp":
            return {"grammar": form.gbnf}
        raise InputError(
            f"the server of {self._model} cannot constrain answers to a form; if it is one of"
            f" {', '.join(FLAVOURS[1:])}, set flavour="
        )

    def _ask(self, chat: Chat, settings: dict[str, Any], read: Any) -> Any:
        body = {"model": self._model, "messages": [self._turn(message) for message in chat], **settings}
        if chat[-1].role == "assistant":
            if not self._info.continues:
                raise InputError(f"the server of {self._model} does not continue an answer; use flavour='vllm'")
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return self.server.post("chat/completions", body, read)

    def _turn(self, message: Message) -> dict[str, Any]:
        if message.role in ("query", "document"):
            raise InputError(
                f"the server of {self._model} takes no turns of the role {message.role}; choose another prompt than"
                " template, or its /rerank (served:…)"
            )
        if not message.images:
            return {"role": message.role, "content": quote_control_tokens(message.text)}
        if not self._info.reads_images:
            raise InputError(f"{self._model} reads no pictures as far as its settings go; set image_tokens if it does")
        return {"role": message.role, "content": [content_part(piece, self._max_pixels) for piece in message.content]}


def content_part(piece: Content, max_pixels: int) -> dict[str, Any]:
    """A text or a picture as a part of a message's content; pictures are rendered and sent in it."""
    if isinstance(piece, str):
        return {"type": "text", "text": quote_control_tokens(piece)}
    written = io.BytesIO()
    piece.open(max_pixels=max_pixels).save(written, "PNG")
    data = base64.b64encode(written.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def _at(said: Any, *names: str) -> Any:
    """What stands in nested objects of JSON; None where there is no such thing."""
    for name in names:
        said = said.get(name) if isinstance(said, dict) else None
    return said


def _read_piece(line: str) -> tuple[str, str | None]:
    """Text and reason to finish of one line of an event stream; of others nothing."""
    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
    if not data or data == "[DONE]":
        return "", None
    try:
        event = json.loads(data)
        if isinstance(event, dict) and "error" in event:
            raise MmrankError(one_line(_at(event["error"], "message") or event["error"]))
        choice = event["choices"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return "", None
    delta = choice.get("delta") or {}
    text = delta.get("content")
    return text if isinstance(text, str) else "", choice.get("finish_reason")


def _read_answer(body: Any) -> Answer:
    choice = body["choices"][0]
    text = choice["message"]["content"]
    # A server with a reasoning parser returns thoughts separately; stopped while thinking, there is no other text.
    thoughts = choice["message"].get("reasoning_content") or choice["message"].get("reasoning")
    if text is None and thoughts:
        text = ""
    if not isinstance(text, str):
        raise TypeError("the answer holds no text")
    if thoughts:
        if not isinstance(thoughts, str):
            raise TypeError("the thoughts are no text")
        text = f"<think>{thoughts}</think>\n{text}"
    text = text.encode("utf-8", "replace").decode()  # JSON may hold halves of surrogate pairs
    finished = choice.get("finish_reason") == "stop"
    return Answer(text, finished, token_count(body, "prompt_tokens"), token_count(body, "completion_tokens"))


def _read_labels(body: Any, labels: Sequence[str]) -> tuple[list[float], int]:
    top = body["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    seen = {entry["token"]: float(entry["logprob"]) for entry in reversed(top)}
    if not all(isinstance(token, str) for token in seen) or not all(value <= 0.01 for value in seen.values()):
        raise ValueError("what is shown are no log-probabilities of tokens")
    least = min(seen.values())
    if not any(label in seen for label in labels):
        row = [math.nan] * len(labels)
    else:
        row = [seen.get(label, least) for label in labels]
    return row, token_count(body, "prompt_tokens")
