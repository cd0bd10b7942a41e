"""Pictures through cross-encoders and through servers' /rerank and /score."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
from strict_server import strict_server

from mmrank.errors import InputError, MmrankError
from mmrank.rerankers import load_reranker
from mmrank.types import Candidate, Part, PartKind, Query


@pytest.fixture(scope="module")
def qwen3_vl_reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen3-VL-Reranker, shrunk: modules of sentence-transformers that score yes against no."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    from mmrank.processors import sentence_transformers_without_video

    folder = tmp_path_factory.mktemp("Qwen3-VL-Reranker")
    tiny = tiny_models.tiny_qwen3_vl()
    tiny.save(folder / "base")
    labels = [tiny.processor.tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no")]
    with sentence_transformers_without_video():
        reader = Transformer(
            str(folder / "base"),
            transformer_task="any-to-any",
            processing_kwargs={"chat_template": {"add_generation_prompt": True}},
        )
        CrossEncoder(modules=[reader, LogitScore(*labels)]).save(str(folder / "tiny"))
    return folder / "tiny"


@pytest.fixture
def mixed(page_pictures: list[Candidate]) -> list[Candidate]:
    words = Part(PartKind.TEXT, "a red square", ())
    return [
        *page_pictures,
        Candidate("text", (words,), 0.1),
        Candidate("both", (page_pictures[1].parts[0], words), 0.0),
    ]


def test_a_cross_encoder_reads_pictures_as_the_same_model_does_pointwise(
    qwen3_vl_reranker: Path, mixed: list[Candidate], question: Query
) -> None:
    settings = {"device": "cpu", "dtype": "float32"}
    cross = load_reranker(f"cross-encoder:{qwen3_vl_reranker}", batch=2, max_pixels=4096, **settings)
    found = {item.candidate.id: item.score for item in cross.rerank(question, mixed).items}
    assert len(set(found.values())) == len(mixed)
    point = load_reranker(
        f"pointwise:{qwen3_vl_reranker}", prompt="template", max_pixels=4096, instruction="x", **settings
    )
    chats = [[*point._prompt.chat((question.text,), content, "")[1:]] for content in self_content(mixed)]  # type: ignore[attr-defined]
    logits = point._model.label_logits(chats, ("yes", "no")).values  # type: ignore[attr-defined]
    wanted = {one.id: float(row[0] - row[1]) for one, row in zip(mixed, logits, strict=True)}
    assert found == pytest.approx(wanted, abs=1e-3)
    image = mixed[0].parts[0].image
    assert len(cross.rerank(Query("", image), mixed).items) == len(mixed)


def self_content(candidates: list[Candidate]) -> list[list]:
    return [[part.image or part.text for part in one.parts] for one in candidates]


def test_a_cross_encoder_of_text_names_the_candidate_that_it_cannot_read(tmp_path: Path, mixed, question) -> None:
    from mmrank.rerankers.cross_encoder import minilm_with_head
    from mmrank.rerankers.minilm_bert import bert_tokenizer

    minilm_with_head().save_pretrained(tmp_path)
    bert_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="'p0' holds pictures only"):
        load_reranker(f"cross-encoder:{tmp_path}", device="cpu").rerank(question, mixed)


@pytest.mark.parametrize("path", ["rerank", "score"])
def test_a_server_is_sent_pictures_in_the_shape_of_vllm(path: str, mixed: list[Candidate], question: Query) -> None:
    with strict_server(context=4_000, images=1) as server:
        served = load_reranker(
            f"served:{server.url}#Qwen/Qwen3-VL-Reranker-2B",
            path=path,
            pictures=True,
            batch=2,
            max_pixels=40_000,
            retries=0,
        )
        ranking = served.rerank(question, mixed)
        assert server.refusals == [] and ranking.calls == 3
        assert {item.candidate.id for item in ranking.items[:3]} <= {"p0", "p1", "p2", "both"}
        sent = [one for body in server.bodies for one in body["documents" if path == "rerank" else "text_2"]]
        parts = ["text" if isinstance(one, str) else [part["type"] for part in one["content"]] for one in sent]
        assert sorted(map(str, parts)) == ["['image_url', 'text']", *["['image_url']"] * 3, "text"]
        two = Candidate("two", mixed[0].parts + mixed[1].parts, 0.0)
        with pytest.raises(MmrankError, match="At most 1 image"):
            served.rerank(question, [two])
        named = Candidate("two", (*mixed[0].parts, Part(PartKind.TABLE, "a | b", (), mixed[1].parts[0].image)), 0.0)
        limited = load_reranker(f"served:{server.url}#m", path=path, pictures=True, max_images=1)
        limited.rerank(question, [named])
        [sent] = server.bodies[-1]["documents" if path == "rerank" else "text_2"]
        assert [part["type"] for part in sent["content"]] == ["image_url", "text"] and "a | b" in sent["content"][1][
            "text"
        ]


def test_a_server_that_is_sent_no_pictures_says_how_to_send_them(mixed: list[Candidate], question: Query) -> None:
    with strict_server() as server:
        with pytest.raises(InputError, match="'p0' holds pictures only"):
            load_reranker(f"served:{server.url}#m").rerank(question, mixed)
        with pytest.raises(InputError, match="pictures=true"):
            load_reranker(f"served:{server.url}#m").rerank(Query("x", mixed[0].parts[0].image), [mixed[3]])
