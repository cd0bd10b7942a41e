"""Long documents for IDCM: cut into windows, paired with others of the same words, and scored window by window."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from torch.nn.utils.rnn import pad_sequence

from mmrank.errors import InputError
from mmrank.lexical import InMemoryBM25
from mmrank.rerankers.ck import QUERY_TOKENS, windows_of
from mmrank.rerankers.idcm_network import Cascade, IdcmNetwork
from mmrank.train.data.examples import RankingExample
from mmrank.train.trainers.grouped import Row, grouped_mask, ungroup

Documents = Literal["joined", "given"]
NEAREST = 10
"""Other documents are drawn from so many that share most words with the question."""


def document_texts(examples: Sequence[RankingExample], documents: Documents) -> dict[str, str]:
    """Texts of documents by name: the passages of each group joined, or the positives and negatives themselves."""
    if documents == "given":
        return {text: text for example in examples for text in (*example.positives, *example.negatives)}
    found: dict[str, dict[str, None]] = {}
    for example in examples:
        found.setdefault(example.group, {}).update(dict.fromkeys((*example.positives, *example.negatives)))
    return {group: " ".join(sorted(passages)) for group, passages in found.items()}


def document_groups(
    examples: Sequence[RankingExample], documents: Documents, *, others: int, seed: int
) -> list[tuple[str, list[str]]]:
    """Each question with the names of documents: that which answers it, then `others` that do not.

    With "joined" the others are drawn from those that share most words with the question.

    Raises:
        InputError: when there is no other document.
    """
    rng = random.Random(seed)
    if documents == "given":
        return [(one.query, [rng.choice(one.positives), *one.negatives[:others]]) for one in examples]
    texts = document_texts(examples, documents)
    names = list(texts)
    if len(names) < 2:
        raise InputError("all examples are of one document, so there is no other to rank below it")
    search = InMemoryBM25([Counter(_words(text)) for text in texts.values()])
    groups = []
    for one in examples:
        order = search.scores(_words(one.query)).argsort(kind="stable")[::-1]
        near = [names[place] for place in order if names[place] != one.group][:NEAREST]
        groups.append((one.query, [one.group, *rng.sample(near, min(others, len(near)))]))
    return groups


class WindowReader:
    """From texts to token ids as the expensive model reads them: special tokens included, the first of a document not.

    Args:
        tokenizer: of the expensive model.
        cascade: size, overlap and padding of windows.
        max_tokens: of a document.
    """

    def __init__(self, tokenizer: Any, cascade: Cascade, max_tokens: int) -> None:
        self.tokenizer, self.cascade, self.max_tokens = tokenizer, cascade, max_tokens

    def query(self, text: str) -> list[int]:
        """At most 30 token ids."""
        return list(self.tokenizer(text, truncation=True, max_length=QUERY_TOKENS)["input_ids"])

    def windows(self, text: str) -> list[tuple[int, ...]]:
        """The windows of a document."""
        ids = self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"][1:]
        numbers = self.cascade
        return windows_of(ids, size=numbers.window, overlap=numbers.overlap, padding=numbers.padding)


def document_rows(
    examples: Sequence[RankingExample], reader: WindowReader, documents: Documents, *, others: int, seed: int
) -> list[Row]:
    """`query` (token ids) and `candidates` (the windows of each document, that which answers first)."""
    texts = document_texts(examples, documents)
    cut = {name: reader.windows(text) for name, text in texts.items()}
    return [
        {"query": reader.query(query), "candidates": [cut[name] for name in names]}
        for query, names in document_groups(examples, documents, others=others, seed=seed)
    ]


class WindowScorer:
    """Scores of whole documents: all windows by the expensive model, combined; nothing is selected.

    Args:
        padding: id of the padding token.
    """

    def __init__(self, padding: int) -> None:
        self.padding = padding

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`; `present` (documents, windows) says which windows there are."""
        documents = [windows for row in rows for windows in row["candidates"]]
        counts = torch.tensor(list(map(len, documents)))
        asked = [torch.tensor(row["query"]) for row in rows for _ in row["candidates"]]
        return {
            "query": pad_sequence(asked, batch_first=True, padding_value=self.padding),
            "windows": torch.tensor([window for windows in documents for window in windows]),
            "present": torch.arange(int(counts.max())) < counts[:, None],
            "mask": grouped_mask(rows),
        }

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        found = model(query=inputs["query"], windows=inputs["windows"], present=inputs["present"])
        return ungroup(found[:, None], inputs["mask"])


class WholeDocuments(torch.nn.Module):
    """Scores documents by all their windows; the forward pass that processes share."""

    def __init__(self, network: IdcmNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, query: Tensor, windows: Tensor, present: Tensor) -> Tensor:
        """(documents,) from `query` (documents, tokens), all `windows` and `present` (documents, windows)."""
        flat = self.network.judge(query[present.nonzero()[:, 0]], windows)
        return self.network.combined(ungroup(flat[:, None], present)[..., 0], present)


def first_above_others(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """RankNet: −log σ(s⁺ − s⁻), the mean over pairs of the first document and another."""
    margins = scores[:, :1, 0] - scores[:, 1:, 0]
    return -logsigmoid(margins)[batch["mask"][:, 1:]].mean()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
