"""Examples from unlabelled documents: headings ask for sections, captions for figures, sentences for their passage."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from mmrank.encoders.passage_text import passage_text
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.negatives import Scorer, hard_negatives, word_overlap
from mmrank.types import Document, Passage

_LABEL = re.compile(r"^(figure|fig\.?|table|chart)\s*[\d.]+[a-z]?\s*[.:]?\s*", re.IGNORECASE)


def weak_examples(
    document: Document, *, score: Scorer = word_overlap, negatives: int = 4, seed: int = 0
) -> Iterator[RankingExample]:
    """Examples of three kinds, by `origin`: "heading", "caption" or "cloze". The question is taken out of its passage.

    Args:
        document: as ingested.
        score: the retriever that finds the hard negatives.
        negatives: per question, at most.
        seed: of the choice of sentences (cloze).
    """
    bodies = [passage.text for passage in document.passages]
    rng = random.Random(f"{seed}/{document.id}")
    seen: set[str] = set()
    for place, passage in enumerate(document.passages):
        for origin, query, text in (*_heading(passage), *_caption(document, passage), *_cloze(passage, rng)):
            if query.lower() in seen or len(text.split()) < 8:
                continue
            seen.add(query.lower())
            hard = hard_negatives(query, bodies, {place}, score, count=negatives)
            yield RankingExample(query, (text,), tuple(bodies[i] for i in hard), document.id, origin)


def _heading(passage: Passage) -> Iterator[tuple[str, str, str]]:
    if passage.heading_path:
        title = re.sub(r"^[\d.]+\s*", "", passage.heading_path[-1]).strip()
        if len(title.split()) >= 2:
            yield "heading", title, _without(passage.text, passage.heading_path[-1])


def _caption(document: Document, passage: Passage) -> Iterator[tuple[str, str, str]]:
    for name in passage.element_ids:
        element = document.element(name)
        if element.caption_of is not None:
            query = _LABEL.sub("", element.text).strip()
            if len(query.split()) >= 3:
                yield "caption", query, _without(passage_text(passage), element.text)


def _cloze(passage: Passage, rng: random.Random) -> Iterator[tuple[str, str, str]]:
    sentences = re.split(r"(?<=[.!?])\s+", passage.text)
    fitting = [sentence for sentence in sentences if 8 <= len(sentence.split()) <= 40]
    if len(sentences) >= 3 and fitting:
        chosen = rng.choice(fitting)
        yield "cloze", chosen, _without(passage.text, chosen)


def _without(text: str, part: str) -> str:
    return re.sub(r"[ \t]+", " ", text.replace(part, " ")).strip()
