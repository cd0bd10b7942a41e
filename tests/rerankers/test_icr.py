from __future__ import annotations

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.rerankers.attention import Attention
from mmrank.rerankers.icr import document_scores, kept_tokens, token_spans
from mmrank.types import Candidate, Part, PartKind, Query

GOLDEN = np.array((0.3, 0.1, -0.9, 0.2, 0.15, 0.05, 0.2, 0.1))


def test_the_filter_drops_what_lies_two_deviations_below() -> None:
    assert GOLDEN.mean() - 2 * GOLDEN.std(ddof=1) == pytest.approx(-0.738451, abs=1e-6)
    assert kept_tokens(GOLDEN).tolist() == [True, True, False, True, True, True, True, True]
    assert document_scores(GOLDEN, np.zeros(8), [(0, 8)]) == pytest.approx([1.1])
    assert GOLDEN.sum() == pytest.approx(0.2)


def test_a_document_of_one_token_counts_unless_the_official_quirk_is_wanted() -> None:
    one = np.array([0.4])
    assert document_scores(one, np.zeros(1), [(0, 1)]) == pytest.approx([0.4])
    assert document_scores(one, np.zeros(1), [(0, 1)], mode="official") == [0.0]


def test_documents_are_filtered_each_by_itself() -> None:
    twice = np.concatenate([GOLDEN, GOLDEN * 10])
    assert document_scores(twice, np.zeros(16), [(0, 8), (8, 16)]) == pytest.approx([1.1, 11.0])


def test_a_token_with_the_space_before_a_span_belongs_to_it() -> None:
    offsets = np.array([(0, 3), (3, 5), (5, 9), (9, 11)])  # "abc", "\n\n", "[1] ", "xy"
    assert token_spans(offsets, [(5, 11)]) == [(2, 4)]
    assert token_spans(np.array([(0, 4), (4, 9)]), [(5, 9)]) == [(1, 2)]


def test_the_content_free_query_scores_exactly_zero(tiny_llama, candidates) -> None:
    ranking = Attention(tiny_llama).rerank(Query("N/A"), candidates)
    assert [item.score for item in ranking.items] == [0.0] * len(candidates)
    assert [item.candidate.id for item in ranking.items] == [c.id for c in candidates]


def test_two_passes_share_the_candidates(tiny_llama, candidates, question) -> None:
    long = [Candidate(c.id, (Part(PartKind.TEXT, f"{c.text} " * 8, ()),), c.score) for c in candidates]
    ranking = Attention(tiny_llama).rerank(question, long)
    assert ranking.calls == 2
    texts = sum(tiny_llama.count_tokens(c.text) for c in long)
    assert texts < ranking.prompt_tokens < 1.5 * texts


def test_scores_are_those_of_the_candidates_own_tokens(tiny_llama, candidates, question) -> None:
    """Recomputed here from the reading alone, with the best candidate nearest to the query."""
    reader = Attention(tiny_llama)
    scores = {item.candidate.id: item.score for item in reader.rerank(question, candidates).items}
    prompt = tiny_llama.render([_user("X")]).split("X")[0] + " Here are some paragraphs:"
    after = tiny_llama.render([_user("X")]).split("X")[1]
    spans = []
    for label, found in enumerate(reversed(candidates), 1):
        prompt += "\n\n"
        spans.append((len(prompt), len(prompt) + len(f"[{label}] {found.text}")))
        prompt += f"[{label}] {found.text}"
    instruction = "Please answer the question below from the paragraphs above."
    endings = [f"{instruction}\n\nQuery: {q}{after}" for q in ("N/A", question.text)]
    reading = tiny_llama.read_attention(prompt + "\n\n", endings)
    for (begin, end), found in zip(spans, reversed(candidates), strict=True):
        inside = (reading.offsets[:, 0] >= begin) & (reading.offsets[:, 1] <= end)
        values = (reading.values[1] - reading.values[0]).astype(np.float64)[inside]
        kept = values > values.mean() - 2 * values.std(ddof=1)
        assert scores[found.id] == pytest.approx(values[kept].sum(), abs=1e-6)


def _user(text: str):
    from mmrank.llm.protocol import user

    return user(text)


def test_windows_rank_more_candidates_than_fit_at_once(tiny_llama, candidates, question) -> None:
    many = [Candidate(f"{i}-{c.id}", c.parts, c.score) for i in range(4) for c in candidates]
    ranking = Attention(tiny_llama, window=6).rerank(question, many)
    assert sorted(item.candidate.id for item in ranking.items) == sorted(c.id for c in many)
    assert ranking.calls == 2 * 7


def test_pictures_without_text_are_refused_by_name(tiny_llama, question, page_pictures) -> None:
    with pytest.raises(InputError, match="'p0' holds pictures only"):
        Attention(tiny_llama).rerank(question, page_pictures)


def test_an_interleaved_candidate_is_read_by_its_text(tiny_llama, question, page_pictures) -> None:
    picture = page_pictures[0].parts[0]
    mixed = Candidate("mixed", (Part(PartKind.TEXT, "the red circle", ()), picture), 1.0)
    assert len(Attention(tiny_llama).rerank(question, [mixed]).items) == 1
