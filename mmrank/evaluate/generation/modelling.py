"""Language modelling with a document before the text: in-context RALM (Ram et al., TACL 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrank.errors import InputError
from mmrank.evaluate.generation.sources import Generator, Retriever, Text, merge, reranked
from mmrank.llm.protocol import LanguageModel
from mmrank.rerankers.protocol import Reranker

NO_DOCUMENT = "no document"
BETWEEN = "\n\n"
"""Stands between the document and the text."""


@dataclass(frozen=True, slots=True)
class Modelling:
    """How text is scored.

    Attributes:
        stride: so many tokens are scored with one document, then it is chosen anew.
        query: last tokens before them that are searched with.
        context: last tokens before them that the model sees, the same in every arm.
        document: a document is cut after this many tokens.
        candidates: retrieved texts that a reranker sees, beside the generated ones.
    """

    stride: int = 4
    query: int = 32
    context: int = 512
    document: int = 128
    candidates: int = 5

    def __post_init__(self) -> None:
        if min(self.stride, self.query, self.context, self.document, self.candidates) < 1:
            raise InputError("stride, query, context, document and candidates are numbers of at least 1")


@dataclass(frozen=True, slots=True)
class Step:
    """Tokens that are scored together: those of the text before them, as many as the model sees, and their own."""

    at: int
    before: tuple[int, ...]
    scored: tuple[int, ...]
    query: tuple[int, ...]


def steps(ids: Sequence[int], how: Modelling) -> Iterator[Step]:
    """Cut a text into steps; the first begins where a query is full, and a last one that is not full is left out.

    Args:
        ids: the tokens of the text.
        how: the sizes.
    """
    for at in range(how.query, len(ids) - how.stride + 1, how.stride):
        yield Step(
            at,
            tuple(ids[max(0, at - how.context) : at]),
            tuple(ids[at : at + how.stride]),
            tuple(ids[at - how.query : at]),
        )


def documents(
    question: str, retriever: Retriever, generator: Generator, rerankers: Mapping[str, Reranker], how: Modelling
) -> dict[str, Text | None]:
    """The one document of each arm for the last words of a text; None where an arm has none.

    Merged text without a reranker would begin with the first of `hybrid`, so it is no arm of its own.
    """
    found: dict[str, list[Text]] = {
        NO_DOCUMENT: [],
        "bm25": retriever.bm25(question, 1),
        "dense": retriever.dense(question, 1),
        "hybrid": retriever.hybrid(question, how.candidates),
        "generated": generator.write(question, about_text=True),
    }
    merged = merge(found["hybrid"], found["generated"])
    for name, reranker in rerankers.items():
        found[f"merged, {name}"] = reranked(reranker, question, merged, len(merged))
    return {arm: texts[0] if texts else None for arm, texts in found.items()}


def score_step(model: LanguageModel, step: Step, chosen: Mapping[str, str], how: Modelling) -> dict[str, float]:
    """Mean log-probability per scored token, by arm, each after its document ("" for none).

    Raises:
        InputError: when document and text are longer than the model's context.
    """
    distinct = list(dict.fromkeys(chosen.values()))
    rows = []
    for text in distinct:
        before = [*model.text_ids(text)[: how.document], *model.text_ids(BETWEEN)] if text.strip() else []
        rows.append([*model.beginning, *before, *step.before, *step.scored])
    found = model.continuations(rows, [len(step.scored)] * len(rows))
    by_text = dict(zip(distinct, found.values.tolist(), strict=True))
    return {arm: by_text[text] / len(step.scored) for arm, text in chosen.items()}
