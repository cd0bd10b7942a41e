"""Cross-encoders: query and candidate through one model with a scoring head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmrank.adapters import merged, read_adapter
from mmrank.checkpoints import check_tokenizer, find_checkpoint, loading
from mmrank.device import choose_device, choose_dtype
from mmrank.errors import InputError, MmrankError
from mmrank.llm.protocol import ModelInfo
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, Query

HEAD = "classifier."


class PairScorer(Protocol):
    """Scores pairs of texts; sentence-transformers' `CrossEncoder` is one."""

    def predict(self, inputs: list[tuple[str, str]], **settings: Any) -> Any:
        """Scores of the pairs, (pairs,)."""
        ...


class CrossEncoderReranker:
    """Ranks candidates by a cross-encoder's scores: raw logits, in float32.

    Args:
        scorer: scores pairs.
        name: shown as the stage of a hit.
    """

    def __init__(self, scorer: PairScorer, *, name: str = "cross-encoder") -> None:
        self._scorer = scorer
        self._name = name
        self._info = ModelInfo(name, "cross-encoder", 0)

    @classmethod
    def load(cls, source: str | Path, *, device: str = "auto", dtype: str | None = None) -> CrossEncoderReranker:
        """Load a cross-encoder of sentence-transformers: a folder or a name on the hub.

        Raises:
            MmrankError: when it cannot be loaded.
        """
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        device = choose_device(device)
        checkpoint = find_checkpoint(source)
        with loading(checkpoint):
            scorer = CrossEncoder(
                checkpoint.source,
                device=device,
                # A sigmoid in half precision ties the best candidates: scores stay logits.
                activation_fn=Identity(),
                model_kwargs={"dtype": choose_dtype(device, dtype), "use_safetensors": True},
                **checkpoint.options,
            )
            check_tokenizer(scorer.tokenizer, scorer.model)
            scorer.predict([("a", "b")], show_progress_bar=False)
        return cls(scorer, name=Path(str(source)).name)

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        Raises:
            InputError: when the query or a candidate holds nothing but pictures.
        """
        ledger = Ledger()
        if query.image is not None:
            raise InputError(f"{self._name} reads no pictures; ask with text alone")
        texts = ["".join(str(piece) for piece in show(candidate, self._info)) for candidate in candidates]
        if not texts:
            return ledger.ranking((), self._name)
        found = self._scorer.predict([(query.text, text) for text in texts], show_progress_bar=False)
        scores = np.asarray(found, dtype=np.float32).reshape(-1)
        if len(scores) != len(texts):
            raise InputError(f"{self._name} gives {len(scores) // len(texts)} scores per pair; one is needed")
        tokens = sum(getattr(self._scorer, "last_lengths", ()))
        ledger.computed(len(texts), tokens)
        return ledger.ranking(ranked(candidates, scores), self._name)


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
