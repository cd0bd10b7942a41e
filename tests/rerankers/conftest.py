from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import scripted_server
import tiny_models

from mmrank.llm.protocol import Answer, Chat, LabelLogits, ModelInfo, Sampling
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.types import Candidate, Part, PartKind, Query

TEXTS = (
    "the square and the triangle are at the bottom",
    "a bar chart has a blue bar and a green bar and a yellow bar",
    "the page that shows the red circle at the top left",
    "the table holds text",
    "the red cross is at the right",
    "purple orange black",
)


class OverlapModel:
    """A chat model that is no neural network: it finds the query's words in the numbered candidates.

    `script` replaces its answers, one per call.
    """

    def __init__(self, *, continues: bool = False, context: int = 4000) -> None:
        self.info = ModelInfo("overlap", "test", context, continues=continues, holds=continues)
        self.script: list[str] = []
        self.chats: list[Chat] = []
        self.reason = True

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> LabelLogits:
        self.chats += chats
        values = []
        for chat in chats:
            text = chat[-1].text
            query = re.search(r"(?:<Query>|query): (.*)", text)
            document = re.search(r"(?:<Document>|document): (.*)", text, re.DOTALL)
            assert query and document
            values.append([overlap(query[1], document[1]), 0.0])
        tokens = sum(self.count_tokens(m.text) for chat in chats for m in chat)
        return LabelLogits(np.array(values, np.float32).reshape(-1, 2), tokens, tokens)

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        self.chats += chats
        return [(self._answer(chat, sampling),) * samples for chat in chats]

    def _answer(self, chat: Chat, sampling: Sampling) -> Answer:
        text = self.script.pop(0) if self.script else self._think(chat)
        return Answer(text, True, sum(self.count_tokens(m.text) for m in chat), self.count_tokens(text))

    def _think(self, chat: Chat) -> str:
        everything = "\n".join(m.text for m in chat if m.role == "user")
        query = re.search(r"(?:Query|Question): (.*)", everything)
        shown = re.findall(r"^(?:\[|Image |Passage )(\d+)[\]:]:? (.*)", everything, re.MULTILINE)
        assert query and shown
        scores = {int(i): overlap(query[1], text) for i, text in shown}
        order = sorted(scores, key=lambda i: -scores[i])
        thoughts = (
            "<think>" + "\n".join(f"Passage {i}: shares {abs(round(scores[i]))} words." for i in scores) + "</think>"
        )
        if "most relevant to the query" in everything:
            return f"{thoughts}<answer>[{order[0]}]</answer>"
        if "[2] > [1]" in everything:
            return thoughts + " > ".join(f"[{i}]" for i in order)
        return f"{thoughts}<answer>{order}</answer>"


def overlap(query: str, text: str) -> float:
    asked, held = re.findall(r"\w+", query.lower()), re.findall(r"\w+", text.lower())
    return float(len(set(asked) & set(held))) - 0.001 * len(held)


@pytest.fixture
def overlap_model() -> OverlapModel:
    return OverlapModel()


@pytest.fixture
def make_overlap_model() -> Callable[..., OverlapModel]:
    return OverlapModel


@pytest.fixture
def candidates() -> list[Candidate]:
    return [make_candidate(str(i), text, 1.0 - i / 10) for i, text in enumerate(TEXTS)]


def make_candidate(name: str, text: str, score: float = 0.0, **fields: Any) -> Candidate:
    return Candidate(name, (Part(PartKind.TEXT, text, (f"e{name}",)),), score, **fields)


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    return make_candidate


@pytest.fixture
def question() -> Query:
    return Query("Which page shows the red circle?")


@pytest.fixture
def scripted() -> Iterator[scripted_server.ScriptedServer]:
    with scripted_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def tiny_llama() -> TransformersChat:
    parts = tiny_models.tiny_llama(max_position_embeddings=4096, attn_implementation="mmrank_readable")
    return TransformersChat(*parts, name="tiny-llama")


@pytest.fixture(scope="session")
def page_pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    """Three pages as pictures."""
    import pymupdf

    from mmrank.types import ImageRef

    path = tmp_path_factory.mktemp("pdf") / "three.pdf"
    with pymupdf.open() as file:
        for colour in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            file.new_page(width=200, height=200).draw_rect(pymupdf.Rect(20, 20, 180, 180), fill=colour)
        file.save(path)
    return [
        Candidate(f"p{i}", (Part(PartKind.IMAGE, "", (), ImageRef(str(path), i)),), 1.0 - i / 10, page=i)
        for i in range(3)
    ]
