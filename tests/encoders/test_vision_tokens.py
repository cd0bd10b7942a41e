"""Multi-vector vision encoders: one vector per token, masks that hold. Real ColQwen2 classes, random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmrank.encoders import MultiVectorEncoder, load_encoder
from mmrank.encoders.vision import VisionOptions
from mmrank.encoders.vision_inputs import length
from mmrank.encoders.vision_tokens import VisionTokensEncoder
from mmrank.errors import InputError
from mmrank.types import ImageRef, Query


@pytest.fixture(scope="module")
def folder(tiny_colqwen2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_colqwen2.save(tmp_path_factory.mktemp("colqwen") / "colqwen")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> VisionTokensEncoder:
    return load_encoder(str(folder), dtype="float32", device="cpu", max_tokens=200, max_pixels=3200)


@pytest.fixture
def by_part(encoder: VisionTokensEncoder, monkeypatch: pytest.MonkeyPatch) -> VisionTokensEncoder:
    """The same weights behind a processor of a family that takes one picture or one text at a time."""

    class OnePartProcessor(type(encoder.model.processor)):
        pass

    monkeypatch.setattr(encoder.model.processor, "__class__", OnePartProcessor)
    options = VisionOptions(max_tokens=200, max_pixels=3200)
    return VisionTokensEncoder(encoder.model, options, name="one part", revision="1")


def test_it_is_a_multi_vector_encoder_that_reads_images(encoder) -> None:
    assert isinstance(encoder, MultiVectorEncoder)
    assert (encoder.info.multi_vector, encoder.info.reads_images, encoder.info.dimension) == (True, True, 16)


def test_there_is_one_unit_vector_a_token_and_none_for_padding(encoder, mixed) -> None:
    for one, vectors in zip(mixed, encoder.encode_passages(mixed), strict=True):
        assert vectors.shape == (length(encoder.inputs.passage(one)), 16)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_equals_single_passages_whatever_the_padding_side(encoder, mixed, side, monkeypatch) -> None:
    alone = [encoder.encode_passages([one])[0] for one in mixed]
    monkeypatch.setattr(encoder.model.tokenizer, "padding_side", side)
    with torch.inference_mode():
        vectors, mask = encoder.embed([encoder.inputs.passage(one) for one in mixed], "document")
    assert not mask.all()
    for row, kept, expected in zip(vectors, mask, alone, strict=True):
        np.testing.assert_allclose(row[kept].numpy(), expected, atol=1e-4)


def test_a_passage_of_one_picture_is_read_as_the_checkpoint_reads_a_page(encoder, passage) -> None:
    picture = encoder.inputs._within([ImageRef(passage(0).parts[0].image.path, 0)], 1)
    expected = encoder.model.encode_document(picture, convert_to_numpy=True)[0]
    np.testing.assert_allclose(encoder.encode_passages([passage(0)])[0], expected, atol=1e-5)


def test_a_question_is_read_as_the_checkpoint_reads_it(encoder) -> None:
    expected = encoder.model.encode_query(["the red circle"], convert_to_numpy=True)[0]
    np.testing.assert_allclose(encoder.encode_queries([Query("the red circle")])[0], expected, atol=1e-5)


def test_pictures_stand_between_the_texts_in_one_prompt(encoder, passage) -> None:
    found = encoder.inputs.passage(passage("above", 0, "between", 1))["input_ids"][0]
    text = encoder.model.tokenizer.decode(found)
    assert text.index("above") < text.index("<|image_pad|>") < text.index("between") < text.rindex("<|image_pad|>")


def test_a_family_that_takes_one_part_at_a_time_gets_one_part_at_a_time(by_part, passage) -> None:
    whole, text, picture = by_part.encode_passages([passage("above", 0), passage("above"), passage(0)])
    np.testing.assert_allclose(whole, np.concatenate([text, picture]), atol=1e-5)


def test_one_part_at_a_time_keeps_passages_apart(by_part, mixed) -> None:
    together = by_part.encode_passages(mixed)
    assert len(together) == len(mixed)
    for one, vectors in zip(mixed, together, strict=True):
        np.testing.assert_allclose(vectors, by_part.encode_passages([one])[0], atol=1e-4)


def test_a_passage_without_text_and_picture_has_vectors_too(encoder, by_part, passage) -> None:
    for kind in (encoder, by_part):
        before, vectors, after = kind.encode_passages([passage("above"), passage(""), passage(0)])
        assert min(map(len, (before, vectors, after))) > 0
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_where_only_pictures_count_a_passage_without_one_keeps_its_words(encoder, passage, monkeypatch) -> None:
    (mask,) = (module for module in encoder.model if hasattr(module, "keep_only_token_ids"))
    picture = encoder.model.tokenizer.convert_tokens_to_ids(encoder.model.processor.image_token)
    words, both = passage("only words"), passage("words and", 0)
    alone = encoder.encode_passages([words])[0]
    monkeypatch.setattr(mask, "keep_only_token_ids", [picture])
    told, shown = encoder.encode_passages([words, both])
    np.testing.assert_allclose(told, alone, atol=1e-4)
    assert len(shown) == encoder.inputs.passage(both)["input_ids"][0].tolist().count(picture)


def test_a_question_with_a_picture_is_refused(encoder, drawings) -> None:
    with pytest.raises(InputError, match="questions in words"):
        encoder.encode_queries([Query("this", ImageRef(drawings, 0))])


def test_loaded_again_it_gives_the_same_vectors(folder, encoder, mixed) -> None:
    again = load_encoder(str(folder), dtype="float32", device="cpu", max_tokens=200, max_pixels=3200)
    for one, other in zip(again.encode_passages(mixed), encoder.encode_passages(mixed), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
