"""IDCM as a reranker: the cascade that `mmrank train idcm` wrote, or that the paper's authors released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrank.device import choose_device, choose_dtype
from mmrank.llm.protocol import ModelInfo
from mmrank.rerankers.chunking import official_windows
from mmrank.rerankers.ck import QUERY_TOKENS
from mmrank.rerankers.idcm_network import IdcmNetwork, load_idcm
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, Query

_TEXT_ONLY = ModelInfo("idcm", "none", 0)


class Idcm:
    """Ranks long candidates by their few most promising windows, each read once by the expensive model.

    Questions are cut after 30 tokens, as in the paper. A candidate's reasoning is the text of its best window.

    Args:
        network: the cascade.
        tokenizer: of its expensive model (fast).
        keep: windows chosen per candidate; None as trained, 0 for all.
        max_tokens: what is read of a candidate.
        batch: windows per forward pass.
    """

    def __init__(
        self,
        network: IdcmNetwork,
        tokenizer: Any,
        *,
        keep: int | None = None,
        max_tokens: int = 2000,
        batch: int = 64,
    ) -> None:
        self._network = network.eval()
        self._tokenizer = tokenizer
        self._keep = network.cascade.keep if keep is None else keep
        self._max_tokens = max_tokens
        self._batch = batch

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        encoder: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        **settings: Any,
    ) -> Idcm:
        """Load one; see `load_idcm`. Further settings are those of the class.

        Raises:
            MmrankError: when it cannot be loaded.
        """
        network, tokenizer = load_idcm(source, encoder=encoder)
        where = choose_device(device)
        return cls(network.to(where, choose_dtype(where, dtype)), tokenizer, **settings)

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return "idcm"

    @torch.inference_mode()
    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        Raises:
            InputError: when a candidate holds nothing but pictures.
        """
        ledger = Ledger()
        if not candidates:
            return ledger.ranking((), self.name)
        texts = ["".join(str(piece) for piece in show(candidate, _TEXT_ONLY)) for candidate in candidates]
        asked = torch.tensor([self._ids(query.text, QUERY_TOKENS)[0]], device=self._network.weights.device)
        documents = [self._windows(text) for text in texts]
        scores, reasons = [], {}
        chosen = [self._chosen(asked, windows) for windows, _ in documents]
        rows = [windows[picks] for (windows, _), picks in zip(documents, chosen, strict=True)]
        judged = self._scores(self._network.judge, asked, torch.cat(rows))
        found = torch.split(judged, [len(row) for row in rows])
        for place, (values, picks) in enumerate(zip(found, chosen, strict=True)):
            one = values[None]
            scores.append(float(self._network.combined(one, torch.ones_like(one, dtype=torch.bool))))
            begin, end = documents[place][1][int(picks[int(values.argmax())])]
            reasons[place] = texts[place][begin:end].strip()
        ledger.computed(sum(map(len, rows)), sum(row.numel() + len(row) * asked.shape[1] for row in rows))
        return ledger.ranking(ranked(candidates, scores, reasons), self.name)

    def _ids(self, text: str, limit: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids with special ones, and where each stands in the text."""
        made = self._tokenizer(text, truncation=True, max_length=limit, return_offsets_mapping=True)
        return list(made["input_ids"]), list(made["offset_mapping"])

    def _windows(self, text: str) -> tuple[Tensor, list[tuple[int, int]]]:
        """(windows, tokens), and the span of each window in the text."""
        numbers = self._network.cascade
        ids, places = self._ids(text, self._max_tokens)
        ids, places = ids[1:], places[1:]  # without the leading special token, as published
        cut = official_windows(ids, size=numbers.window, overlap=numbers.overlap, padding=numbers.padding)
        valid = [row for row, holds in zip(cut.ids, cut.valid, strict=True) if holds]
        spans = []
        for at in range(len(valid)):
            shown = places[max(0, at * numbers.window - numbers.overlap) : (at + 1) * numbers.window + numbers.overlap]
            real = [span for span in shown if span[1] > span[0]] or [(0, 0)]
            spans.append((real[0][0], real[-1][1]))
        return torch.tensor(valid, device=self._network.weights.device), spans

    def _chosen(self, asked: Tensor, windows: Tensor) -> Tensor:
        """Numbers of the windows that the expensive model reads, (kept,)."""
        if not 0 < self._keep < len(windows):
            return torch.arange(len(windows), device=windows.device)
        return self._scores(self._network.preview, asked, windows).topk(self._keep).indices

    def _scores(self, score: Any, asked: Tensor, windows: Tensor) -> Tensor:
        parts = [score(asked.expand(len(some), -1), some) for some in torch.split(windows, self._batch)]
        return torch.cat(parts)
