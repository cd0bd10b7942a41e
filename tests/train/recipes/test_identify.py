"""IDentIfy: a document's vector is the mean of its sections', and every question of a document is asked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

pytest.importorskip("trl")

from mmrank.train.data.examples import RankingExample
from mmrank.train.recipes.identify import DocumentScorer, IdentifyConfig, documents, merged


def test_every_question_of_a_document_is_a_row_with_its_own_section_first() -> None:
    examples = [
        RankingExample(f"question {n}", (f"section {n}",), tuple(f"section {n + k}" for k in range(1, 9)), f"d{n % 3}")
        for n in range(300)
    ]
    rows = documents(examples, IdentifyConfig(sections=4))
    assert len(rows) == 300 and {row["group"] for row in rows} == {"d0", "d1", "d2"}
    assert all(row["sections"][0].id == f"section {n}" and len(row["sections"]) == 4 for n, row in enumerate(rows))


def test_a_document_is_the_mean_of_its_sections() -> None:
    sections = normalize(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    found = merged(sections, torch.tensor([1, 3, 2]))
    for document, part in zip(found, (sections[:1], sections[1:4], sections[4:]), strict=True):
        mean = sum(part) / len(part)
        assert torch.allclose(document, mean / mean.norm(), atol=1e-6)


def test_documents_of_the_batch_are_the_negatives_and_never_the_own_one() -> None:
    class Plain(DocumentScorer):
        def __init__(self) -> None: ...
        def _queries(self, texts: Any) -> Any:
            return texts

        def _passages(self, passages: Any) -> Any:
            return [passage.id for passage in passages]

    given = [("a", "x", "A"), ("b", "y", "A"), ("c", "z", "B")]
    rows = documents([RankingExample(q, (s,), (), g) for q, s, g in given], IdentifyConfig())
    batch = Plain().collate(rows)
    assert batch["order"].tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    assert batch["mask"].tolist() == [[True, False, True], [True, False, True], [True, True, True]]
    cosines = torch.arange(9.0).view(3, 3)
    scores = Plain().scores(lambda *_: cosines, batch)[..., 0]
    assert scores.tolist() == [[0, 1, 2], [4, 3, 5], [8, 6, 7]]
