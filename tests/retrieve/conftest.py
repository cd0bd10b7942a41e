"""Documents written down by hand: what stands on which page is what a test says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.names import canonical
from mmrank.query.analysis import analyse
from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import content_words
from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage, Query

DIMENSION = 8


def page(number, *elements, label=None):
    """A page of (kind, text) pairs, each a band of the page as high as the others."""
    placed = [
        Element(f"p{number}e{at}", ElementKind(kind), number, BBox(50, 100 * at, 550, 100 * at + 80), text)
        for at, (kind, text) in enumerate(elements)
    ]
    return Page(number, 600, 800, tuple(placed), label)


@pytest.fixture
def features_of():
    """Pages (lists of (kind, text)) to document features; each element is a passage."""

    def make(*pages, name="doc", labels=None, handles=None, vectors=None):
        made = [page(n, *elements, label=labels[n] if labels else None) for n, elements in enumerate(pages)]
        passages = []
        for shown in made:
            for element in shown.elements:
                position = len(passages)
                part = Part(PartKind.TEXT, element.text, (element.id,))
                passages.append(
                    Passage(f"{name}/{position}", name, position, shown.page, (part,), (element.id,), (element.box,))
                )
        places = {canonical(key): value for key, value in (handles or {}).items()}
        document = Document(name, f"{name}.pdf", "", tuple(made), tuple(passages), handles=places)
        if vectors is None:
            vectors = np.zeros((len(passages), DIMENSION))
        return DocumentFeatures(document, np.asarray(vectors, dtype=np.float32))

    return make


@pytest.fixture
def pool_of(features_of):
    def make(*pages, **settings):
        return Pool([features_of(*pages, **settings)])

    return make


@pytest.fixture
def ask():
    def make(text, vector=None):
        analysis = analyse(text)
        given = np.zeros(DIMENSION) if vector is None else vector
        return Question(Query(text), analysis, np.asarray(given, dtype=np.float32), content_words(analysis.text))

    return make
