"""Chat models run by llama.cpp from a GGUF file. Text alone."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from mmrank.errors import InputError, MmrankError, require
from mmrank.llm.likelihoods import answer_tokens, check_continuations
from mmrank.llm.prefix import common_prefix
from mmrank.llm.protocol import Answer, Chat, LabelLogits, LogLikelihoods, ModelInfo, Sampling
from mmrank.llm.quoting import quote_control_tokens
from mmrank.llm.stops import cut_at
from mmrank.llm.templates import ChatTemplate
from mmrank.llm.threads import idle_threads
from mmrank.llm.token_mask import TokenMask
from mmrank.printable import one_line

CONTROL = 1 << 0 | 1 << 3
"""Token attributes of llama.cpp: unknown, control."""


class LlamaChat:
    """A causal language model in a GGUF file.

    llama.cpp keeps the keys and values of the last prompt, so prompts with a common beginning pay for it once. One
    call runs at a time: the context is not safe under threads.

    Args:
        path: the GGUF file.
        name: shown in results; by default the file's name.
        context_tokens: longest prompt and answer together; memory grows with it.
        threads: processor threads; 0 for one per core that is idle when the model is loaded.
        gpu_layers: layers kept on a GPU, where llama.cpp was built for one; -1 for all.
        adapter: trained changes of the weights, as `mmrank.adapters` reads them.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        context_tokens: int = 4096,
        threads: int = 0,
        gpu_layers: int = 0,
        adapter: str | Path | None = None,
    ) -> None:
        self._llama_cpp = require("llama_cpp", "llama")
        if not os.path.isfile(path):  # noqa: PTH113 — says no to what is no path, where pathlib raises
            raise InputError(f"there is no file {path}; name a GGUF file")
        threads = threads or idle_threads()
        adapted = None
        if adapter is not None:
            from mmrank.llm.gguf_adapter import gguf_adapter

            adapted = str(gguf_adapter(adapter, path))
        try:
            self._llama = self._llama_cpp.Llama(
                str(path),
                n_ctx=context_tokens,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=gpu_layers,
                lora_path=adapted,
                verbose=False,
            )
        except Exception as error:  # whatever a broken file brings about
            raise MmrankError(f"llama.cpp cannot load {path}: {one_line(error) or type(error).__name__}") from error
        # llama.cpp must be closed before Python tears its modules down.
        weakref.finalize(self, self._llama.close)
        trained = self._llama.metadata.get(f"{self._llama.metadata.get('general.architecture')}.context_length")
        if trained and str(trained).isdecimal() and context_tokens > int(trained):
            raise InputError(f"{path} reads at most {trained} tokens, {context_tokens} were asked for")
        self._vocabulary = self._llama_cpp.llama_model_get_vocab(self._llama.model)
        self._lock = threading.Lock()
        self._info = ModelInfo(name or Path(path).stem, "llama.cpp", context_tokens)

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        return self._info

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes."""
        return len(self._ids(text))

    def render(self, chat: Chat) -> str:
        """The prompt as the model reads it, up to where its answer begins."""
        if any(message.images for message in chat):
            raise InputError(f"{self._info.name} reads no pictures; use a vision-language model")
        last = chat[-1]
        continues = last.role == "assistant"
        turns = [
            {"role": message.role, "content": quote_control_tokens(message.text, self._controls)}
            for message in (chat[:-1] if continues else chat)
        ]
        return self._template.render(turns) + (last.text if continues else "")

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        """Answer each chat `samples` times, one after the other.

        Raises:
            InputError: when a chat and its answer are longer than the context.
        """
        answers = []
        with self._lock:
            for chat in chats:
                ids = self._fitting(self._ids(self.render(chat)), sampling.max_tokens)
                answers.append(tuple(self._answer(ids, sampling, sampling.seed + i) for i in range(samples)))
        return answers

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        """Score each label as the next token of each chat.

        Raises:
            InputError: when a label is not one token of this model, or a chat is longer than the context.
        """
        columns = self.label_ids(labels)
        prompts = [self._fitting(self._ids(self.render(chat)), 1) for chat in chats]
        values = np.zeros((len(chats), len(labels)), dtype=np.float32)
        computed = 0
        with self._lock:
            for row, ids in enumerate(prompts):
                known = self._known(ids)
                self._llama.n_tokens = known
                self._llama.eval(ids[known:])
                computed += len(ids) - known
                values[row] = self._last_logits()[columns]
        return LabelLogits(values, sum(map(len, prompts)), computed)

    def log_likelihoods(self, chats: Sequence[Chat]) -> LogLikelihoods:
        """The log-probability of each chat's last message, the assistant's, after those before it.

        Raises:
            InputError: when a chat does not end with the assistant's words, holds a picture, or is longer than the
                context.
        """
        return self.continuations(*answer_tokens(chats, self.render, self._ids))

    def continuations(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> LogLikelihoods:
        """The log-probability of the last `counts` tokens of each row after those before them.

        Raises:
            InputError: when nothing stands before them, or a row is longer than the context.
        """
        whole = [self._fitting(list(row), 0) for row in rows]
        check_continuations(whole, counts)
        values = np.zeros(len(whole), dtype=np.float32)
        computed = 0
        with self._lock:
            for at, (row, count) in enumerate(zip(whole, counts, strict=True)):
                before = len(row) - count
                known = self._known(row[:before])
                self._llama.n_tokens = known
                self._llama.eval(row[known:before])
                computed += len(row) - 1 - known
                for place in range(before, len(row)):
                    if place > before:
                        self._llama.eval([row[place - 1]])
                    logits = self._last_logits().astype(np.float64)
                    values[at] += logits[row[place]] - np.logaddexp.reduce(logits)
        return LogLikelihoods(values, np.array(counts, dtype=np.int64), computed)

    @cached_property
    def beginning(self) -> tuple[int, ...]:
        """Tokens that stand before every text; empty for a model that was trained without."""
        return tuple(self._llama.tokenize(b"", add_bos=True, special=False))

    def text_ids(self, text: str) -> list[int]:
        """The tokens of a text, without those of `beginning`."""
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return self._text(list(ids))

    def label_ids(self, labels: Sequence[str]) -> list[int]:
        """Token ids of bare labels, without a space before them.

        Raises:
            InputError: when a label is not one token of this model.
        """
        coded = [self._ids(label) for label in labels]
        for label, ids in zip(labels, coded, strict=True):
            if len(ids) != 1:
                raise InputError(f"{label!r} is {len(ids)} tokens for {self._info.name}; a label must be one")
        return [ids[0] for ids in coded]

    @cached_property
    def _template(self) -> ChatTemplate:
        source = self._llama.metadata.get("tokenizer.chat_template")
        names = {"bos_token": self._llama.token_bos(), "eos_token": self._llama.token_eos()}
        tokens = {name: self._special(token) for name, token in names.items()}
        return ChatTemplate(source, name=self._info.name, tokens=tokens)

    @cached_property
    def _attributes(self) -> list[int]:
        attribute = self._llama_cpp.llama_vocab_get_attr
        return [int(attribute(self._vocabulary, i)) for i in range(self._llama.n_vocab())]

    @cached_property
    def _controls(self) -> list[str]:
        """Texts that the tokenizer would read as control tokens."""
        return [self._special(i) for i, a in enumerate(self._attributes) if a & CONTROL]

    @cached_property
    def _pieces(self) -> list[str]:
        texts = (self._text([i]) for i in range(self._llama.n_vocab()))
        return [
            "" if attribute & CONTROL or "\ufffd" in text else text
            for text, attribute in zip(texts, self._attributes, strict=True)
        ]

    def _special(self, token: int) -> str:
        return bytes(self._llama.detokenize([token], special=True)).decode("utf-8", "replace") if token >= 0 else ""

    def _text(self, ids: list[int]) -> str:
        return bytes(self._llama.detokenize(ids)).decode("utf-8", "replace")

    def _ids(self, text: str) -> list[int]:
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=True))

    def _fitting(self, ids: list[int], more: int) -> list[int]:
        if len(ids) + more > self._info.context_tokens:
            raise InputError(
                f"the prompt takes {len(ids)} tokens and the answer up to {more}, but {self._info.name} was opened"
                f" with {self._info.context_tokens}; use fewer or shorter candidates, or more context_tokens"
            )
        return ids

    def _known(self, ids: list[int]) -> int:
        """How many first tokens the context holds already; at least one is left to be run."""
        held = self._llama.input_ids[: self._llama.n_tokens].tolist()
        return common_prefix([ids, [*held, -1]])

    def _last_logits(self) -> np.ndarray:
        pointer = self._llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._llama.n_vocab(),)).copy()

    def _answer(self, ids: list[int], sampling: Sampling, seed: int) -> Answer:
        processors = None
        if sampling.form is not None:
            held = TokenMask(sampling.form, self._pieces, [self._llama.token_eos()], self._text)
            processors = self._llama_cpp.LogitsProcessorList([_Held(held, len(ids))])
        if sampling.temperature > 0:
            # A prompt that is partly kept is computed in other batches, which round otherwise and draw otherwise.
            self._llama.reset()
        self._llama.set_seed(seed)
        written: list[int] = []
        finished = False
        tokens = self._llama.generate(
            ids,
            temp=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,
            min_p=0.0,
            logits_processor=processors,
        )
        ends = set(self._ends)
        text = ""
        for token in tokens:
            written.append(token)
            if token in ends:
                finished = True
                break
            text, finished = cut_at(self._text(written), sampling.stop)
            if finished or (sampling.form is not None and sampling.form.is_complete(text)):
                finished = True
                break
            if len(written) >= sampling.max_tokens:
                break
        tokens.close()
        return Answer(text, finished, len(ids), len(written))

    @cached_property
    def _ends(self) -> list[int]:
        is_end = self._llama_cpp.llama_vocab_is_eog
        return [i for i in range(self._llama.n_vocab()) if is_end(self._vocabulary, i)]


class _Held:
    """Sets the logits of tokens that a form forbids to minus infinity."""

    def __init__(self, mask: TokenMask, prompt_length: int) -> None:
        self._mask = mask
        self._prompt_length = prompt_length

    def __call__(self, input_ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
        written = [int(i) for i in input_ids[self._prompt_length :]]
        masked = np.full_like(scores, -np.inf)
        allowed = self._mask.allowed(written)
        masked[allowed] = scores[allowed]
        return masked
