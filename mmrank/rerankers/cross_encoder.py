"""Cross-encoders: query and candidate through one model with a scoring head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmrank.adapters import merged, read_adapter
from mmrank.checkpoints import check_tokenizer, find_adapted, find_adapter, find_checkpoint, loading
from mmrank.device import choose_device, choose_dtype
from mmrank.errors import InputError, MmrankError
from mmrank.llm.protocol import Content, ModelInfo
from mmrank.picture_sizes import opened_for
from mmrank.processors import sentence_transformers_without_video
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, ImageRef, Query

HEAD = "classifier."


PREFIXES = ((re.compile(r"dear-\d+b-reranker|rankllama", re.IGNORECASE), ("query: ", "document: ")),)
"""What stands before a question and before a candidate, of checkpoints that were trained with it."""

PAIR = (
    "{% for role in ('query', 'document') %}{{ bos_token or '' }}{% for turn in messages if turn.role == role %}"
    "{{ turn.content if turn.content is string else turn.content[0].text }}{% endfor %}{% endfor %}"
)
"""Chat template of a pair that stands alone, as scoring heads are trained."""
OTHER_PARTS = ("processor_kwargs", "config_kwargs")
"""What else sentence-transformers loads of a checkpoint, by the names of its arguments."""

Side = str | dict[str, Any]
"""A question or a candidate: text, or pictures and text by kind."""


class PairScorer(Protocol):
    """Scores pairs of texts; sentence-transformers' `CrossEncoder` is one."""

    def predict(self, inputs: list[tuple[Any, Any]], **settings: Any) -> Any:
        """Scores of the pairs, (pairs,)."""
        ...


class CrossEncoderReranker:
    """Ranks candidates by a cross-encoder's scores: raw logits, in float32.

    Args:
        scorer: scores pairs.
        name: shown as the stage of a hit.
        processor: of the model, where pictures may stand in a pair; None where it reads text alone. Pictures of a
            side stand before its text.
        max_pixels: pictures are scaled to at most this many pixels.
        prefixes: what stands before a question, and before a candidate.
        batch: pairs per forward pass.
    """

    def __init__(
        self,
        scorer: PairScorer,
        *,
        name: str = "cross-encoder",
        processor: Any = None,
        max_pixels: int = 1_003_520,
        prefixes: tuple[str, str] = ("", ""),
        batch: int = 32,
    ) -> None:
        self._scorer = scorer
        self._name = name
        self._max_pixels = max_pixels
        self._prefixes = prefixes
        self._batch = batch
        self._processor = processor
        self._info = ModelInfo(name, "cross-encoder", 0, int(processor is not None))

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        device: str = "auto",
        dtype: str | None = None,
        adapter: str | Path | None = None,
        max_tokens: int | None = None,
        max_pixels: int = 1_003_520,
        batch: int = 32,
    ) -> CrossEncoderReranker:
        """Load a cross-encoder of sentence-transformers: a folder or a name on the hub.

        Args:
            source: a model, or an adapter that peft wrote (with its scoring head), whose model is loaded and changed.
            device: auto, cpu, cuda, cuda:N or mps.
            dtype: float32, bfloat16 or float16; by default what suits the device.
            adapter: trained changes of the weights, merged into them; see `mmrank.adapters`.
            max_tokens: upper bound of a pair; None for the model's own.
            max_pixels: see the class.
            batch: see the class.

        Raises:
            MmrankError: when it cannot be loaded.
        """
        from sentence_transformers import CrossEncoder
        from sentence_transformers.base.modules import Transformer
        from torch.nn import Identity

        device = choose_device(device)
        base, found = find_adapted(source)
        if found is not None and adapter is not None:
            raise InputError(f"{source} is an adapter itself; name its model to use another adapter")
        if adapter is not None:
            found = find_adapter(adapter)
        changes = None if found is None else read_adapter(found)
        checkpoint = find_checkpoint(base)
        name = Path(str(source)).name
        prefixes = next((both for known, both in PREFIXES if known.search(name)), ("", ""))
        heads = [name for name in changes.tensors if ".lora_" not in name] if changes is not None else []
        with loading(checkpoint, brought=heads), sentence_transformers_without_video():
            parts = {"model_kwargs": {"dtype": choose_dtype(device, dtype), "use_safetensors": True}}
            if heads:  # of the adapter: the model itself may be one that writes
                parts = {name: {**checkpoint.options, **parts.get(name, {})} for name in ("model_kwargs", *OTHER_PARTS)}
                parts["config_kwargs"]["num_labels"] = 1
                body = Transformer(checkpoint.source, transformer_task="sequence-classification", **parts)
                arguments: dict[str, Any] = {"modules": [body]}
            else:
                arguments = {"model_name_or_path": checkpoint.source, **parts, **checkpoint.options}
            # A sigmoid in half precision ties the best candidates: scores stay logits.
            scorer = CrossEncoder(device=device, activation_fn=Identity(), **arguments)
            if max_tokens is not None:
                scorer.max_seq_length = max_tokens
            if changes is not None and found is not None:
                scorer.model.load_state_dict(merged(scorer.model.state_dict(), changes, source=found))
            if scorer.tokenizer.chat_template and (heads or any(prefixes)):
                scorer.tokenizer.chat_template = PAIR
            pad(scorer)
            check_tokenizer(scorer.tokenizer, scorer.model)
            scorer.predict([("a", "b")], show_progress_bar=False)
        return cls(
            scorer,
            name=name,
            processor=scorer.processor if scorer.supports("image") else None,
            max_pixels=max_pixels,
            prefixes=prefixes,
            batch=batch,
        )

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        Raises:
            InputError: when the query or a candidate holds nothing but pictures, and the model reads none.
        """
        ledger = Ledger()
        if query.image is not None and not self._info.reads_images:
            raise InputError(f"{self._name} reads no pictures; ask with text alone")
        shown = [show(candidate, self._info) for candidate in candidates]
        if not shown:
            return ledger.ranking((), self._name)
        asked = ((query.image,) if query.image is not None else ()) + ((query.text,) if query.text else ())
        found: list[float] = []
        tokens = 0
        # A batch at a time: rendered pictures take memory.
        size = self._batch if any(isinstance(piece, ImageRef) for content in shown for piece in content) else len(shown)
        for begin in range(0, len(shown), size):
            some = shown[begin : begin + size]
            pairs = [(self._side(asked, 0), self._side(content, 1)) for content in some]
            scores = self._scorer.predict(pairs, batch_size=self._batch, show_progress_bar=False)
            values = np.asarray(scores, dtype=np.float32).reshape(-1)
            if len(values) != len(some):
                raise InputError(f"{self._name} gives {len(values) // len(some)} scores per pair; one is needed")
            found += values.tolist()
            tokens += sum(getattr(self._scorer, "last_lengths", ()))
        ledger.computed(len(shown), tokens)
        return ledger.ranking(ranked(candidates, found), self._name)

    def _side(self, content: Sequence[Content], side: int) -> Side:
        """A question (0) or a candidate (1) as the scorer takes it: text, or pictures and then text."""
        text = self._prefixes[side] + "".join(piece for piece in content if isinstance(piece, str)).strip("\n")
        pictures = [
            opened_for(self._processor, piece, self._max_pixels) for piece in content if isinstance(piece, ImageRef)
        ]
        if not pictures:
            return text
        return {"image": pictures, "text": text} if text else {"image": pictures}


def pad(scorer: Any) -> None:
    """Let a model that was trained without padding be read in batches, from the last token that is none.

    The head of a model without a padding token reads the last position, which may be padding.
    """
    tokenizer, config = scorer.tokenizer, scorer.model.config
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = tokenizer.pad_token_id


class MiniLMCrossEncoder:
    """The embedded MiniLM with a scoring head, trained by `mmrank train pointwise` or `mmrank train dear`.

    Args:
        weights: safetensors with the trained tensors: the head ("classifier.weight", "classifier.bias"), and for the
            encoder either whole tensors by their names in transformers ("bert.encoder…"), or adapters
            (`mmrank.adapters`).
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: float32, bfloat16 or float16; by default what suits the device.
        max_tokens: upper bound of a pair; the candidate is cut, never the query below half of it.
        batch_tokens: upper bound of padded tokens in one forward pass.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        device: str = "auto",
        dtype: str | None = None,
        max_tokens: int = 256,
        batch_tokens: int = 4096,
    ) -> None:
        self._device = choose_device(device)
        model = minilm_with_head()
        merge_weights(model, weights)
        self._model = model.to(self._device, choose_dtype(self._device, dtype)).eval()
        from mmrank.rerankers.minilm_bert import bert_tokenizer

        self._tokenizer = bert_tokenizer()
        self._max_tokens = max_tokens
        self._batch_tokens = batch_tokens
        self.last_lengths: list[int] = []

    def predict(self, inputs: list[tuple[str, str]], **_: Any) -> NDArray[np.float32]:
        """Logits of the pairs, (pairs,)."""
        import torch

        rows = [self._pair(query, text) for query, text in inputs]
        self.last_lengths = [len(first) + len(second) for first, second in rows]
        order = sorted(range(len(rows)), key=lambda i: -self.last_lengths[i])
        scores = np.zeros(len(rows), dtype=np.float32)
        while order:
            width = self.last_lengths[order[0]]
            count = max(1, self._batch_tokens // width)
            batch, order = order[:count], order[count:]
            ids = torch.zeros((len(batch), width), dtype=torch.long)
            kinds, mask = torch.zeros_like(ids), torch.zeros_like(ids)
            for row, i in enumerate(batch):
                first, second = rows[i]
                length = len(first) + len(second)
                ids[row, :length] = torch.tensor([*first, *second])
                kinds[row, len(first) : length] = 1
                mask[row, :length] = 1
            with torch.inference_mode():
                logits = self._model(
                    input_ids=ids.to(self._device),
                    token_type_ids=kinds.to(self._device),
                    attention_mask=mask.to(self._device),
                ).logits
            scores[batch] = logits[:, 0].float().cpu().numpy()
        return scores

    def _pair(self, query: str, text: str) -> tuple[list[int], list[int]]:
        """[CLS] query [SEP] and text [SEP]."""
        first, second = (self._tokenizer.encode(part, add_special_tokens=False) for part in (query, text))
        room = self._max_tokens - 3
        first = first[: max(room // 2, room - len(second))]
        second = second[: room - len(first)]
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        return [start, *first, end], [*second, end]


def minilm_with_head() -> Any:
    """MiniLM as transformers' `BertForSequenceClassification` with one logit; the head is not trained yet."""
    from transformers import BertConfig, BertForSequenceClassification

    from mmrank.encoders.minilm_network import verified_weights
    from mmrank.encoders.minilm_weights import embedded_folder

    config = BertConfig.from_pretrained(embedded_folder(), num_labels=1)
    model = BertForSequenceClassification(config)
    state = {f"bert.{name}": tensor for name, tensor in verified_weights(embedded_folder()).items()}
    model.load_state_dict(state, strict=False)
    return model


def merge_weights(model: Any, path: str | Path) -> None:
    """Put trained tensors and adapters into a model.

    Raises:
        MmrankError: when the file cannot be read, does not fit the model, or holds no head.
    """
    adapter = read_adapter(path)
    if not any(name.startswith(HEAD) for name in adapter.tensors):
        raise MmrankError(f"{path} holds no scoring head ({HEAD}weight); it is no cross-encoder")
    model.load_state_dict(merged(model.state_dict(), adapter, source=path))
