"""Single-vector vision-language encoders: text, tables and pictures of a passage through one model together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mmrank.encoders.batches import in_batches
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.encoders.vectors import truncate, unit
from mmrank.encoders.vision_inputs import Features, VisionInputs, length
from mmrank.types import Passage, Query

if TYPE_CHECKING:
    from torch import Tensor

OPTIONS_FILE = "mmrank_encoder.json"
"""The file next to the weights that says how the checkpoint must be called."""
LIMITS = ("max_tokens", "max_pixels", "dimension", "batch_tokens")
"""Options that limit what a checkpoint reads or returns, and do not change how it is called."""
WINDOW = 16
"""Passages whose pictures are in memory together."""

Asked = TypeVar("Asked", Passage, Query)


@dataclass(frozen=True, slots=True)
class VisionOptions:
    """How a checkpoint must be called.

    `pooling` is used where the checkpoint does not say (it has no modules.json). `dimension` truncates the vectors
    of Matryoshka models; 0 keeps them whole. `generation_prompt` opens the assistant's turn before the vector is read.
    """

    query_instruction: str = ""
    passage_instruction: str = ""
    pooling: str = "lasttoken"
    generation_prompt: bool = True
    max_tokens: int = 2048
    max_pixels: int = 1_003_520
    dimension: int = 0
    batch_tokens: int = 8192

    @property
    def calling(self) -> str:
        """SHA-256 of all that changes a vector, except the limits, which are fields of `EncoderInfo` themselves."""
        said = {key: value for key, value in asdict(self).items() if key not in LIMITS}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class VisionEncoder:
    """One unit vector per passage, from a model that sees its texts and pictures in the order of the page.

    `model` is a `SentenceTransformer` whose first module reads messages; `inputs` makes its features. Both are
    public because the trainer needs them: `embed` keeps gradients.
    """

    def __init__(self, model: Any, options: VisionOptions, *, name: str, revision: str) -> None:
        self.model = model.eval()
        self.options = options
        self.inputs = VisionInputs(
            model.processor,
            message_preprocess(model, options),
            max_tokens=options.max_tokens,
            max_pixels=options.max_pixels,
            query_instruction=options.query_instruction,
            passage_instruction=options.passage_instruction,
        )
        self._name, self._revision = name, revision

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        return EncoderInfo(
            name=self._name,
            revision=self._revision,
            dimension=self.options.dimension or int(self.model.get_embedding_dimension()),
            dtype=str(self.model.dtype).removeprefix("torch."),
            pooling=next((str(part.pooling_mode) for part in self.model if hasattr(part, "pooling_mode")), "model"),
            max_tokens=self.options.max_tokens,
            max_pixels=self.options.max_pixels,
            reads_images=True,
            calling=self.options.calling,
        )

    def encode_passages(self, passages: Iterable[Passage]) -> Vectors:
        """Encode passages. Returns (passages, dimension)."""
        return self._encode(passages, self.inputs.passage)

    def encode_queries(self, queries: Sequence[Query]) -> Vectors:
        """Encode queries: text, picture or both. Returns (queries, dimension)."""
        return self._encode(queries, self.inputs.query)

    def embed(self, rows: Sequence[Features]) -> Tensor:
        """Features of single inputs to vectors (batch, dimension), float32 and of unit length, with gradients."""
        from torch.nn.functional import normalize

        batch = moved(self.inputs.batch(rows), self.model.device, self.model.dtype)
        return normalize(self.model(batch)["sentence_embedding"].float(), dim=-1)

    def save(self, folder: Path) -> None:
        """Write the checkpoint; `load_encoder(str(folder))` and sentence-transformers load it."""
        self.model.save(str(folder))
        (folder / OPTIONS_FILE).write_text(json.dumps(asdict(self.options), indent=2), "utf-8")

    def _encode(self, asked: Iterable[Asked], prepare: Callable[[Asked], Features]) -> Vectors:
        import torch

        def forward(rows: list[Features]) -> list[Vectors]:
            with torch.inference_mode():
                return list(self.embed(rows).cpu().numpy())

        vectors = list(
            in_batches(
                asked,
                prepare=prepare,
                length=length,
                forward=forward,
                window=WINDOW,
                batch_tokens=self.options.batch_tokens,
            )
        )
        stacked = np.stack(vectors) if vectors else np.empty((0, self.info.dimension), np.float32)
        return truncate(stacked, self.options.dimension) if self.options.dimension else unit(stacked)


def message_preprocess(model: Any, options: VisionOptions) -> Callable[[list[dict[str, Any]]], Features]:
    """A conversation to features by the model's own chat template, never truncated (the budget is kept before)."""
    changes: dict[str, Any] = {
        "text": {"truncation": False},
        "chat_template": {"add_generation_prompt": options.generation_prompt},
    }
    pictures = model.processor.image_processor
    if hasattr(pictures, "merge_size"):
        side = pictures.patch_size * pictures.merge_size
        changes["image"] = {
            "size": {"shortest_edge": side * side, "longest_edge": max(side * side, options.max_pixels)}
        }

    def preprocess(turns: list[dict[str, Any]]) -> Features:
        return dict(model[0].preprocess([turns], processing_kwargs=changes))

    return preprocess


def moved(batch: Features, device: Any, dtype: Any) -> Features:
    """Tensors on the model's device; pictures in its dtype."""
    import torch

    return {
        key: value.to(device, dtype if value.is_floating_point() else None)
        if isinstance(value, torch.Tensor)
        else value
        for key, value in batch.items()
    }
