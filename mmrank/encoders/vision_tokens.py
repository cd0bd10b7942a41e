"""Multi-vector vision-language encoders: one vector per token or patch, compared by MaxSim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mmrank.encoders.batches import in_batches
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.encoders.vision import WINDOW, VisionOptions, message_preprocess, moved
from mmrank.encoders.vision_inputs import Features, Message, VisionInputs, length
from mmrank.errors import InputError
from mmrank.types import Passage, Query

if TYPE_CHECKING:
    from torch import Tensor


class VisionTokensEncoder:
    """One unit vector per token, from a model that sees texts and pictures.

    A checkpoint with a chat template reads a passage as one conversation; the ColQwen2 family reads it as one visual
    prompt with its parts in order. Others (ColPali) were made for one picture or one text at a time: there every part
    is encoded by itself and the vectors follow each other in the order of the page, which late interaction allows.

    Args:
        model: a `MultiVectorEncoder` of sentence-transformers.
        options: how the checkpoint must be called.
        name: for `info`.
        revision: for `info`.
    """

    def __init__(self, model: Any, options: VisionOptions, *, name: str, revision: str) -> None:
        self.model = model.eval()
        self.options = options
        self._name, self._revision = name, revision
        self._preprocess, self._whole = _conversation(model, options)
        self.inputs = VisionInputs(
            model.processor,
            self._preprocess,
            max_tokens=options.max_tokens,
            max_pixels=options.max_pixels,
            query_instruction=options.query_instruction,
            passage_instruction=options.passage_instruction,
        )

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        return EncoderInfo(
            name=self._name,
            revision=self._revision,
            dimension=int(self.model.get_embedding_dimension() or 0),
            dtype=str(self.model.dtype).removeprefix("torch."),
            pooling="none",
            max_tokens=self.options.max_tokens,
            max_pixels=self.options.max_pixels,
            reads_images=True,
            multi_vector=True,
            calling=self.options.calling,
        )

    def encode_passages(self, passages: Iterable[Passage]) -> list[Vectors]:
        """Encode passages. Returns one (tokens, dimension) array per passage, never an empty one."""
        if self._whole:
            return self._encode(passages, self.inputs.passage, "document")
        owners: list[int] = []

        def parts() -> Iterator[Passage]:
            for number, passage in enumerate(passages):
                for single in _one_by_one(passage):
                    owners.append(number)
                    yield single

        vectors = self._encode(parts(), self.inputs.passage, "document")
        return [_joined([row for _, row in rows]) for _, rows in groupby(zip(owners, vectors, strict=True), _first)]

    def encode_queries(self, queries: Sequence[Query]) -> list[Vectors]:
        """Encode queries. Returns one (tokens, dimension) array per query.

        Raises:
            InputError: for a query that carries a picture: these models are trained on questions in words.
        """
        for query in queries:
            if query.image is not None:
                raise InputError(f"{self._name} takes questions in words; ask a single-vector vision encoder instead")
        prepare = self.inputs.query if "message" in self.model[0].modality_config else self._plain_query
        return self._encode(queries, prepare, "query")

    def embed(self, rows: Sequence[Features], task: str) -> tuple[Tensor, Tensor]:
        """Token vectors (batch, tokens, dimension), float32 and of unit length, and the mask of those that count.

        A checkpoint may count some tokens only, those of pictures for example. Where a row has none of them, all its
        tokens count, so that every row has a vector.
        """
        from torch.nn.functional import normalize

        batch = moved(self.inputs.batch(rows), self.model.device, self.model.dtype)
        read = batch["attention_mask"].bool()  # (batch, tokens)
        output = self.model(batch, task=task)
        counted = output["attention_mask"].bool()  # (batch, tokens)
        counted = counted | (read & ~counted.any(dim=1, keepdim=True))
        return normalize(output["token_embeddings"].float(), dim=-1), counted

    def _plain_query(self, query: Query) -> Features:
        """A question as the checkpoint's own processor writes it, with its prefix and its buffer tokens."""
        return dict(self.model.preprocess([query.text], task="query"))

    def _encode(self, asked: Iterable[Any], prepare: Callable[[Any], Features], task: str) -> list[Vectors]:
        import torch

        def forward(rows: list[Features]) -> list[Vectors]:
            with torch.inference_mode():
                vectors, mask = self.embed(rows, task)
            return [row[kept].cpu().numpy() for row, kept in zip(vectors, mask, strict=True)]

        return list(
            in_batches(
                asked,
                prepare=prepare,
                length=length,
                forward=forward,
                window=WINDOW,
                batch_tokens=self.options.batch_tokens,
            )
        )


def _conversation(model: Any, options: VisionOptions) -> tuple[Callable[[list[Message]], Features], bool]:
    """How a conversation becomes features, and whether a passage may hold more than one part."""
    if "message" in model[0].modality_config:
        return message_preprocess(model, options), True
    processor = model.processor
    if type(processor).__name__ == "ColQwen2Processor":
        return _visual_prompt(processor), True

    def single(turns: list[Message]) -> Features:
        (part,) = turns[-1]["content"]
        return dict(model.preprocess([part["image"] if part["type"] == "image" else part["text"]], task="document"))

    return single, False


def _visual_prompt(processor: Any) -> Callable[[list[Message]], Features]:
    """The visual prompt of ColQwen2 with texts and pictures where it has its one picture."""
    from transformers import Qwen2VLProcessor

    from mmrank.processors import without_video

    picture = f"<|vision_start|>{processor.image_token}<|vision_end|>"
    head, tail = processor.visual_prompt_prefix.split(picture)
    joint = without_video(Qwen2VLProcessor)(processor.image_processor, processor.tokenizer, None)

    def preprocess(turns: list[Message]) -> Features:
        content = turns[-1]["content"]
        written = "".join(picture if part["type"] == "image" else part["text"] for part in content)
        text = head + written + ("\n" if content[-1]["type"] == "text" else "") + tail
        images = [part["image"] for part in content if part["type"] == "image"]
        features = dict(joint(text=[text], images=images or None, return_tensors="pt"))
        features.pop("mm_token_type_ids", None)
        if images:
            features["pixel_values"] = _by_picture(features["pixel_values"], features["image_grid_thw"])
        return {**features, "modality": "image" if images else "text"}

    return preprocess


def _by_picture(patches: Tensor, grid: Tensor) -> Tensor:
    """Patches in rows (all, values) to (pictures, most patches, values), as ColQwen2's forward takes them."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence(list(torch.split(patches, grid.prod(dim=1).tolist())), batch_first=True)


def _one_by_one(passage: Passage) -> list[Passage]:
    """A passage as passages of one part; the heading path goes with the first text."""
    from dataclasses import replace

    parts = [part for part in passage.parts if part.image or part.text.strip()]
    if not parts:
        return [passage]
    first = next((number for number, part in enumerate(parts) if part.image is None), None)
    return [
        replace(passage, parts=(part,), heading_path=passage.heading_path if number == first else ())
        for number, part in enumerate(parts)
    ]


def _first(pair: tuple[int, Vectors]) -> int:
    return pair[0]


def _joined(rows: list[Vectors]) -> Vectors:
    import numpy as np

    return np.concatenate(rows)
