"""Chat models run by transformers, on a processor or a GPU: text and vision-language models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from mmrank.adapters import merged, read_adapter
from mmrank.checkpoints import (
    check_tokenizer,
    find_adapted,
    find_adapter,
    find_checkpoint,
    load_language_model,
    load_tokenizer,
    loading,
)
from mmrank.device import choose_device, choose_dtype
from mmrank.errors import InputError
from mmrank.llm.attention_reading import read_attention
from mmrank.llm.generation import Decoding, end_tokens
from mmrank.llm.head import answer_log_likelihoods, label_logits
from mmrank.llm.likelihoods import answer_tokens, check_continuations
from mmrank.llm.prefix import PrefixCache, common_prefix
from mmrank.llm.protocol import Answer, AttentionReading, Chat, LabelLogits, LogLikelihoods, ModelInfo, Sampling
from mmrank.llm.quoting import quote_control_tokens
from mmrank.llm.templates import ChatTemplate
from mmrank.processors import load_processor
from mmrank.types import ImageRef

PIXELS_PER_TOKEN = 28 * 28
"""Qwen2-VL merges 28 × 28 pixels into a token, Qwen3-VL 32 × 32: this bounds both."""


@dataclass(frozen=True, slots=True)
class LastPictures:
    """The last prompt with pictures whose answer was begun: `moved` is how far the pictures move later positions."""

    prompt: str
    pictures: tuple[ImageRef, ...]
    ids: list[int]
    cache: PrefixCache
    moved: Any


class TransformersChat:
    """A causal language model or a vision-language model of transformers.

    Args:
        model: a model with a language head, in evaluation mode.
        tokenizer: its tokenizer.
        processor: its processor, for a model that reads pictures.
        name: shown in results.
        context_tokens: longest prompt and answer together; by default what the model's config says.
        batch_tokens: upper bound of padded tokens in one forward pass.
        max_pixels: pictures are scaled to at most this many pixels.
        cache_prefixes: whether the shared beginning of prompts is computed once and kept from call to call; of chats
            with pictures, that of the last answer which is continued (costs the memory of one prompt's keys and
            values).
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        processor: Any = None,
        *,
        name: str,
        context_tokens: int | None = None,
        batch_tokens: int = 4096,
        max_pixels: int = 1280 * PIXELS_PER_TOKEN,
        cache_prefixes: bool = True,
    ) -> None:
        config = model.config.get_text_config()
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.processor = processor
        self._batch_tokens = batch_tokens
        self._max_pixels = max_pixels
        self._prefixes = PrefixCache() if cache_prefixes else None
        self._last_pictures: LastPictures | None = None
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_tokens(model, tokenizer)[0]
        self._controls = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._decoding = Decoding(model, tokenizer)
        self._info = ModelInfo(
            name=name,
            engine="transformers",
            context_tokens=min(context_tokens or config.max_position_embeddings, config.max_position_embeddings),
            image_tokens=max_pixels // PIXELS_PER_TOKEN + 2 if processor is not None else 0,
        )

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        attention: str = "mmrank_readable",
        adapter: str | Path | None = None,
        **settings: Any,
    ) -> Self:
        """Load a folder, or a name on the hub.

        Args:
            source: a folder in the hub's layout (safetensors only) or a repository's name; of a model, or of an adapter
                that peft wrote, whose model is loaded and changed.
            name: shown in results; by default the source.
            device: auto, cpu, cuda, cuda:N or mps.
            dtype: float32, bfloat16 or float16; by default what suits the device.
            attention: the attention of transformers to use; the default computes as "sdpa" does and can be read by
                `read_attention`.
            adapter: trained changes of the weights, as `mmrank.adapters` reads them, or the name of a repository that
                holds an adapter of peft.
            settings: the other arguments of the class.

        Raises:
            MmrankError: when the model cannot be loaded, or the adapter does not fit it.
        """
        device = choose_device(device)
        base, found = find_adapted(source)
        if found is not None and adapter is not None:
            raise InputError(f"{source} is an adapter itself; name its model to use another adapter")
        checkpoint = find_checkpoint(base)
        model = load_language_model(checkpoint, dtype=choose_dtype(device, dtype), attention=attention)
        processor, tokenizer = None, None
        if hasattr(model.config, "vision_config"):
            with loading(checkpoint):
                processor = load_processor(checkpoint.source, **checkpoint.options)
                tokenizer = processor.tokenizer
                check_tokenizer(tokenizer, model)
        else:
            tokenizer = load_tokenizer(checkpoint, model)
        if adapter is not None:
            found = find_adapter(adapter)
        if found is not None:
            model.load_state_dict(merged(model.state_dict(), read_adapter(found), source=found))
        with loading(checkpoint):
            return cls(model.to(device), tokenizer, processor, name=name or str(source), **settings)

    @property
    def info(self) -> ModelInfo:
        """Identity and limits."""
        return self._info

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes."""
        return len(self._ids(text))

    def render(self, chat: Chat) -> str:
        """The prompt as the model reads it, up to where its answer begins."""
        last = chat[-1]
        continues = last.role == "assistant"
        turns = [
            {"role": message.role, "content": self._content(message.content)}
            for message in (chat[:-1] if continues else chat)
        ]
        prompt = self._template.render(turns)
        return prompt + last.text if continues else prompt

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        """Answer each chat `samples` times.

        Single chats without pictures use the prefix cache; others run in batches.

        Raises:
            InputError: when a chat and its answer are longer than the context.
        """
        answers: list[tuple[Answer, ...]] = [()] * len(chats)
        if any(message.images for chat in chats for message in chat):
            if len(chats) == samples == 1 and self._prefixes is not None and chats[0][-1].role == "assistant":
                return [self._begun_answer(chats[0], sampling)]
            for batch, inputs in self._batches_with_pictures(chats, sampling.max_tokens, samples):
                extra = {name: value for name, value in inputs.items() if name not in {"input_ids", "attention_mask"}}
                ids, mask = inputs["input_ids"], inputs["attention_mask"]
                found_here = self._decoding.run(ids, mask, sampling, samples, None, extra)
                for i, found in zip(batch, found_here, strict=True):
                    answers[i] = found
            return answers
        prompts = [self._fitting(self._ids(self.render(chat)), sampling.max_tokens) for chat in chats]
        if len(prompts) == 1 and self._prefixes is not None and samples == 1:
            return [self._decoding.run(torch.tensor(prompts), None, sampling, 1, self._prefixes)[0]]
        for batch in self._batches([len(p) + sampling.max_tokens for p in prompts], samples):
            ids, mask = self._left_pad([prompts[i] for i in batch])
            for i, found in zip(batch, self._decoding.run(ids, mask, sampling, samples, None), strict=True):
                answers[i] = found
        return answers

    @torch.inference_mode()
    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        """Score each label as the next token of each chat.

        Raises:
            InputError: when a label is not one token of this model, or a chat is longer than the context.
        """
        columns = self.label_ids(labels)
        values = np.zeros((len(chats), len(labels)), dtype=np.float32)
        if any(message.images for chat in chats for message in chat):
            read = 0
            for batch, inputs in self._batches_with_pictures(chats, 1, 1):
                values[batch] = label_logits(self.model, columns, **inputs)
                read += int(inputs["attention_mask"].sum())
            return LabelLogits(values, read, read)
        prompts = [self._fitting(self._ids(self.render(chat)), 1) for chat in chats]
        total = sum(map(len, prompts))
        saved = 0
        shared = common_prefix(prompts) if self._prefixes is not None and len(prompts) > 1 else 0
        cache = None
        if shared:
            cache, reused = self._prefixes.reach(self.model, prompts[0][:shared])  # type: ignore[union-attr]
            saved = (len(prompts) - 1) * shared + reused
        for batch in self._batches([len(p) - shared for p in prompts], 1):
            values[batch] = self._score([prompts[i][shared:] for i in batch], columns, cache, shared)
        return LabelLogits(values, total, total - saved)

    @torch.inference_mode()
    def log_likelihoods(self, chats: Sequence[Chat]) -> LogLikelihoods:
        """The log-probability of each chat's last message, the assistant's, after those before it.

        Raises:
            InputError: when a chat does not end with the assistant's words, holds a picture, or is longer than the
                context.
        """
        return self.continuations(*answer_tokens(chats, self.render, self._ids))

    @torch.inference_mode()
    def continuations(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> LogLikelihoods:
        """The log-probability of the last `counts` tokens of each row after those before them.

        Raises:
            InputError: when nothing stands before them, or a row is longer than the context.
        """
        whole = [self._fitting(list(row), 0) for row in rows]
        check_continuations(whole, counts)
        values = np.zeros(len(whole), dtype=np.float32)
        for batch in self._batches([len(row) for row in whole], 1):
            ids, mask = self._left_pad([whole[i] for i in batch])
            values[batch] = answer_log_likelihoods(self.model, ids, mask, [counts[i] for i in batch])
        return LogLikelihoods(values, np.array(counts, dtype=np.int64), sum(map(len, whole)))

    @cached_property
    def beginning(self) -> tuple[int, ...]:
        """Tokens that stand before every text; empty for a model that was trained without."""
        first = self.tokenizer.bos_token_id
        added = self.tokenizer.encode("", add_special_tokens=True)
        return (first,) if first is not None and added[:1] == [first] else ()

    def text_ids(self, text: str) -> list[int]:
        """The tokens of a text, without those of `beginning`."""
        return self._ids(quote_control_tokens(text, self._controls))

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return str(self.tokenizer.decode(list(ids)))

    def label_ids(self, labels: Sequence[str]) -> list[int]:
        """Token ids of bare labels, without a space before them.

        Raises:
            InputError: when a label is not one token of this model.
        """
        columns = []
        for label in labels:
            ids = self._ids(label)
            if len(ids) != 1:
                raise InputError(f"{label!r} is {len(ids)} tokens for {self._info.name}; a label must be one")
            columns.append(ids[0])
        return columns

    @torch.inference_mode()
    def read_attention(self, beginning: str, endings: Sequence[str]) -> AttentionReading:
        """Run each ending after the shared beginning and collect the attention paid to the beginning.

        Raises:
            InputError: when beginning and ending are longer than the context.
        """
        limit = self._info.context_tokens
        return read_attention(self.model, self.tokenizer, beginning, endings, context_tokens=limit)

    @cached_property
    def _template(self) -> ChatTemplate:
        source = getattr(self.processor, "chat_template", None) or self.tokenizer.chat_template
        if isinstance(source, dict):
            source = source.get("default")
        return ChatTemplate(source, name=self._info.name, tokens=self.tokenizer.special_tokens_map)

    def _content(self, content: Sequence[str | ImageRef]) -> Any:
        pieces = [quote_control_tokens(p, self._controls) if isinstance(p, str) else p for p in content]
        if self.processor is None:
            if any(isinstance(piece, ImageRef) for piece in pieces):
                raise InputError(f"{self._info.name} reads no pictures; use a vision-language model")
            return "".join(str(piece) for piece in pieces)
        return [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in pieces]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _fitting(self, ids: list[int], more: int) -> list[int]:
        if len(ids) + more > self._info.context_tokens:
            raise InputError(
                f"the prompt takes {len(ids)} tokens and the answer up to {more}, but {self._info.name} reads"
                f" {self._info.context_tokens}; use fewer or shorter candidates"
            )
        return ids

    def _batches(self, lengths: Sequence[int], copies: int) -> Iterator[list[int]]:
        """Positions in batches of similar length, each within the bound of padded tokens."""
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            longest = lengths[batch[0]] if batch else lengths[i]
            if batch and (len(batch) + 1) * longest * copies > self._batch_tokens:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def _left_pad(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, width - len(row) :] = torch.tensor(row)
            mask[i, width - len(row) :] = 1
        return ids, mask

    def _score(self, rows: Sequence[list[int]], columns: list[int], cache: Any, shared: int) -> np.ndarray:
        """Label logits after each row, which follows `shared` cached tokens. Returns (rows, labels)."""
        device = self.model.device
        ids, mask = self._left_pad(rows)
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + shared
        mask = torch.cat([torch.ones((len(rows), shared), dtype=torch.long), mask], dim=1)
        return label_logits(
            self.model,
            columns,
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            position_ids=positions.to(device),
            past_key_values=cache.repeated(len(rows)) if cache is not None else None,
            use_cache=cache is not None,
        )

    def _begun_answer(self, chat: Chat, sampling: Sampling) -> tuple[Answer, ...]:
        """The rest of an answer about pictures; what the last call read or wrote of it is not read again."""
        prompt = self.render(chat)
        pictures = tuple(ref for message in chat for ref in message.images)
        last = self._last_pictures
        place = getattr(self.model, "model", self.model)  # where Qwen's families keep how far pictures move positions
        if last is not None and last.pictures == pictures and prompt.startswith(last.prompt):
            ids = [*last.ids, *self._ids(prompt[len(last.prompt) :])]
            self._fitting(ids, sampling.max_tokens)
            if last.moved is not None:
                place.rope_deltas = last.moved
            return self._decoding.run(torch.tensor([ids]), None, sampling, 1, last.cache)[0]
        self._last_pictures = None
        [(_, inputs)] = self._batches_with_pictures([chat], sampling.max_tokens, 1)
        extra = {name: value for name, value in inputs.items() if name not in {"input_ids", "attention_mask"}}
        cache = PrefixCache()
        [answer] = self._decoding.run(inputs["input_ids"], inputs["attention_mask"], sampling, 1, cache, extra)
        ids = inputs["input_ids"][0].tolist()
        self._last_pictures = LastPictures(prompt, pictures, ids, cache, getattr(place, "rope_deltas", None))
        return answer

    def _batches_with_pictures(self, chats: Sequence[Chat], more: int, copies: int) -> Iterator[tuple[list[int], Any]]:
        """Positions and inputs of chats in batches, within the bound of padded tokens; pictures are rendered for each.

        Chats without pictures are in batches of their own: not every processor takes both at once.
        """
        from mmrank.llm.pictures_in import prepare

        prompts = [self.render(chat) for chat in chats]
        counts = [sum(len(message.images) for message in chat) for chat in chats]
        lengths = [
            len(self._ids(prompt)) + count * self._info.image_tokens + more
            for prompt, count in zip(prompts, counts, strict=True)
        ]
        for places in (
            [i for i, count in enumerate(counts) if count],
            [i for i, count in enumerate(counts) if not count],
        ):
            for some in self._batches([lengths[i] for i in places], copies):
                batch = [places[i] for i in some]
                inputs = prepare(
                    self.processor, [prompts[i] for i in batch], [chats[i] for i in batch], self._max_pixels
                )
                for row in inputs["attention_mask"]:
                    self._fitting([0] * int(row.sum()), more)
                yield batch, inputs.to(self.model.device)
