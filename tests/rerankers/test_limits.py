"""What does not fit a server's context or its limit on pictures is shortened by the stated rule, and nothing fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from strict_server import StrictServer, strict_server

from mmrank.errors import InputError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import CONTEXT, OpenAIChat
from mmrank.llm.protocol import ModelInfo
from mmrank.rerankers import AnswerStatus, load_reranker
from mmrank.rerankers.presentation import Room, SmallPicture, fit
from mmrank.types import Candidate, ImageRef, Part, PartKind, Query

QUESTION = Query("Which page shows the red circle?")
TEXT = "The red circle stands at the top of the page, and net sales were 1,234.5 in 2019. " * 30


@pytest.fixture(scope="module")
def ten_pages(tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    import pymupdf

    path = tmp_path_factory.mktemp("pages") / "ten.pdf"
    with pymupdf.open() as file:
        for number in range(10):
            file.new_page(width=595, height=842).insert_text((72, 72), f"Page {number}")
        file.save(path)
    return [page(path, number) for number in range(10)]


def page(path: Path, number: int, pictures: int = 1) -> Candidate:
    parts = tuple(Part(PartKind.IMAGE, f"page {number}", (), ImageRef(str(path), number)) for _ in range(pictures))
    return Candidate(f"p{number}", parts, 1.0 - number / 100, page=number)


def passages(count: int) -> list[Candidate]:
    return [Candidate(f"t{i}", (Part(PartKind.TEXT, f"{i} {TEXT}", ()),), 1.0 - i / 100) for i in range(count)]


@pytest.mark.parametrize(("context", "images"), [(32_768, 10), (8_192, 10), (4_096, 10), (8_192, 4), (16_384, 2)])
def test_ten_pages_are_ranked_by_mm_r5_in_any_context(ten_pages: list[Candidate], context: int, images: int) -> None:
    with strict_server(context=context, images=images) as server:
        settings = {} if images == 10 else {"max_images": images}
        reranker = load_reranker(f"listwise:{server.url}#i2vec/MM-R5", flavour="vllm", **settings)
        ranking = reranker.rerank(QUESTION, ten_pages)
    assert server.refusals == []
    assert sorted(item.candidate.id for item in ranking.items) == sorted(one.id for one in ten_pages)
    assert set(ranking.statuses) <= {AnswerStatus.COMPLETE}
    first = server.bodies[0]
    assert first["temperature"] == 0.3 and first["max_tokens"] <= 8192
    shown = sum(part["type"] == "image_url" for part in first["messages"][1]["content"])
    assert shown == (10 if images == 10 and context >= 8_192 else min(images, shown)) and shown >= 2
    if context == 32_768:
        assert first["max_tokens"] == 8192 and ranking.calls == 2 and max(server.prompt_tokens) > 20_000


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pointwise", {}),
        ("pointwise", {"prompt": "zero-one"}),
        ("pointwise", {"prompt": "prorank"}),
        ("setwise", {"top": 2}),
        ("setwise", {"prompt": "rank-r1", "top": 2}),
        ("listwise", {}),
        ("listwise", {"prompt": "dear"}),
        ("dual-stage", {}),
        ("dual-stage", {"think_tokens": 0}),
    ],
)
@pytest.mark.parametrize("flavour", ["vllm", "openai"])
@pytest.mark.parametrize("context", [2_048, 4_096])
def test_long_passages_fit_a_short_context(name: str, settings: dict, flavour: str, context: int) -> None:
    with strict_server(context=context) as server:
        reranker = load_reranker(f"{name}:{server.url}#m", flavour=flavour, retries=0, **settings)
        ranking = reranker.rerank(QUESTION, passages(20))
    assert server.refusals == [] and len(ranking.items) == 20


@pytest.mark.parametrize("context", [8_192, 16_384])
def test_thoughts_are_those_of_the_papers_where_the_context_holds_them(context: int) -> None:
    asked = {}
    with strict_server(context=context) as server:
        for name, settings in (("setwise", {"top": 1}), ("listwise", {"style": "chain"}), ("listwise", {})):
            server.bodies.clear()
            load_reranker(f"{name}:{server.url}#m", flavour="vllm", **settings).rerank(QUESTION, passages(3))
            body = server.bodies[0]
            asked[name, settings.get("style", "")] = (body["max_tokens"], body["temperature"], body["top_p"])
    assert asked["setwise", ""] == (2048, 0.0, 1.0)
    assert asked["listwise", "chain"] == (1024, 0.5, 0.9)
    tokens, temperature, top_p = asked["listwise", ""]
    assert (temperature, top_p) == (0.3, 1.0)
    assert tokens == 8192 if context == 16_384 else 3_000 < tokens < 8192


def test_the_context_is_asked_for_once_and_may_be_given() -> None:
    with strict_server(context=5_000) as server:
        chat = OpenAIChat(ModelServer(server.url), "m")
        assert chat.info.context_tokens == 5_000 and chat.info is chat.info
        assert OpenAIChat(ModelServer(server.url), "m", context_tokens=700).info.context_tokens == 700
    with strict_server(context=5_000, reports=False) as server:
        assert OpenAIChat(ModelServer(server.url), "m").info.context_tokens == CONTEXT
    assert OpenAIChat(ModelServer("http://127.0.0.1:9/v1", retries=0), "m").info.context_tokens == CONTEXT


def test_a_limit_of_one_picture_is_enough_for_pointwise_and_too_low_for_comparisons(ten_pages: list[Candidate]) -> None:
    with strict_server(context=8_192, images=1) as server:
        reader = {"flavour": "vllm", "image_tokens": 1282, "max_images": 1}
        point = load_reranker(f"pointwise:{server.url}#m", **reader)
        both = page(Path(ten_pages[0].parts[0].image.path), 0, pictures=2)  # type: ignore[union-attr]
        assert len(point.rerank(QUESTION, [*ten_pages[:2], both]).items) == 3
        assert server.refusals == []
        for family in ("listwise", "setwise"):
            with pytest.raises(InputError, match="reads 1 pictures per prompt, and a comparison needs two"):
                load_reranker(f"{family}:{server.url}#m", **reader).rerank(QUESTION, ten_pages)


class Counting:
    """A model that counts words."""

    def __init__(self, image_tokens: int = 1000) -> None:
        self.info = ModelInfo("counting", "test", 10_000, image_tokens)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def test_room_is_shared_among_thoughts_texts_and_pictures() -> None:
    model, picture = Counting(), ImageRef("a.pdf", 0)
    words = "word " * 4000

    def shared(room: int, shown: list[tuple[str | ImageRef, ...]], thoughts: int) -> tuple[int, int, int]:
        fitted, kept = fit(shown, Room(room, model.info.image_tokens), model, thoughts=thoughts)  # type: ignore[arg-type]
        pieces = [piece for content in fitted for piece in content]
        read = sum(model.count_tokens(piece) for piece in pieces if isinstance(piece, str))
        pixels = [one.most_pixels for one in pieces if isinstance(one, SmallPicture)]
        return read, kept, pixels[0] // 784 + 2 if pixels else 1000

    assert shared(8000, [(words,)], 1000) == (4000, 1000, 1000)
    assert shared(4000, [(words,)], 3000) == (2000, 2000, 1000)
    assert shared(4000, [(words,)], 500) == (3500, 500, 1000)
    assert shared(4000, [(picture,)] * 10, 0) == (0, 0, 400)
    assert shared(8000, [(picture,)] * 10, 3000) == (0, 3000, 500)
    assert shared(8000, [(picture,)] * 10, 8000) == (0, 4000, 400)
    read, kept, size = shared(8000, [(picture, words)] * 2, 1000)
    assert (read, kept, size) == (5000, 1000, 1000)
    with pytest.raises(InputError, match="10 candidates with 10 pictures do not fit"):
        shared(2000, [(picture,)] * 10, 0)


def test_the_strict_server_counts_fewer_tokens_than_are_estimated() -> None:
    server = StrictServer(context=100, images=1)
    text, tokens, _ = server._count([{"type": "text", "text": TEXT}])
    assert tokens <= estimated_tokens(text)
