"""Vision-language encoders see a passage as it stands on the page. Real classes, random weights, float32."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import Tiny

from mmrank.encoders import Encoder, load_encoder
from mmrank.encoders.vision import VisionEncoder, VisionOptions
from mmrank.encoders.vision_inputs import length
from mmrank.errors import InputError
from mmrank.types import ImageRef, Query

MAX_TOKENS, MAX_PIXELS = 200, 3200
FAMILIES = ("tiny_qwen2_vl", "tiny_qwen2_5_vl", "tiny_qwen3_vl", "tiny_smolvlm")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Tiny:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def encoder(family: Tiny, tmp_path_factory: pytest.TempPathFactory) -> VisionEncoder:
    folder = family.save(tmp_path_factory.mktemp("checkpoint") / "tiny")
    return load_encoder(str(folder), dtype="float32", device="cpu", max_tokens=MAX_TOKENS, max_pixels=MAX_PIXELS)


def ids(encoder: VisionEncoder, passage) -> list[int]:
    return encoder.inputs.passage(passage)["input_ids"][0].tolist()


def picture_token(encoder: VisionEncoder) -> int:
    return encoder.model.processor.image_token_id


def test_it_is_an_encoder_that_reads_images(encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.info.reads_images
    assert encoder.info.pooling == "lasttoken"


def test_vectors_are_float32_finite_and_of_unit_length(encoder, mixed) -> None:
    vectors = encoder.encode_passages(mixed)
    assert vectors.shape == (len(mixed), encoder.info.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_equals_single_passages_whatever_the_padding_side(encoder, mixed, side, monkeypatch) -> None:
    alone = np.concatenate([encoder.encode_passages([one]) for one in mixed])
    monkeypatch.setattr(encoder.model.tokenizer, "padding_side", side)
    rows = [encoder.inputs.passage(one) for one in mixed]
    padded = encoder.inputs.batch(rows)["attention_mask"]
    assert (padded[:, 0 if side == "left" else -1] == 0).any()
    with torch.inference_mode():
        np.testing.assert_allclose(encoder.embed(rows).numpy(), alone, atol=1e-4)


def test_results_come_in_the_order_of_the_passages(encoder, mixed) -> None:
    forwards, backwards = encoder.encode_passages(mixed), encoder.encode_passages(mixed[::-1])
    np.testing.assert_allclose(forwards, backwards[::-1], atol=1e-4)
    assert np.abs(forwards - backwards).max() > 1e-3


def test_picture_tokens_stand_where_the_pictures_stand(encoder, passage) -> None:
    tokenizer, token = encoder.model.tokenizer, picture_token(encoder)
    found = ids(encoder, passage("the first", 0, "and the second", 1, "the end"))
    runs = tokenizer.decode(found).replace(tokenizer.decode([token]), "\N{WHITE SQUARE}")
    marks = [runs.index("the first"), runs.index("\N{WHITE SQUARE}"), runs.index("and the second")]
    marks += [runs.rindex("\N{WHITE SQUARE}"), runs.index("the end")]
    assert marks == sorted(marks)


def test_every_picture_patch_has_its_token(encoder, passage) -> None:
    features = encoder.inputs.passage(passage(0, "between", 2))
    tokens = int((features["input_ids"] == picture_token(encoder)).sum())
    if "image_grid_thw" in features:
        assert len(features["image_grid_thw"]) == 2
        assert tokens == int(features["image_grid_thw"].prod(1).sum()) // 4
        assert len(features["pixel_values"]) == tokens * 4
    else:
        assert tokens == features["pixel_values"].shape[1] * 4  # four tokens a tile


def test_a_picture_changes_the_vector_and_so_does_its_place(encoder, passage) -> None:
    texts = encoder.encode_passages([passage("above", "below")])[0]
    first, second, moved = encoder.encode_passages(
        [passage("above", 0, "below"), passage("above", 1, "below"), passage(0, "above", "below")]
    )
    for one, other in ((texts, first), (first, second), (first, moved)):
        assert np.abs(one - other).max() > 1e-3


def test_text_alone_and_pictures_alone_are_encoded(encoder, passage) -> None:
    vectors = encoder.encode_passages([passage("words"), passage(0), passage("")])
    assert np.isfinite(vectors).all()


def test_pixel_limits_are_kept(encoder, passage) -> None:
    features = encoder.inputs.passage(passage(0))
    if "image_grid_thw" not in features:
        pytest.skip("this family cuts pictures into tiles of a fixed size")
    patch = encoder.model.processor.image_processor.patch_size
    assert int(features["image_grid_thw"].prod()) * patch**2 <= MAX_PIXELS


def test_long_passages_keep_to_the_token_limit_and_to_their_last_part(encoder, passage) -> None:
    found = ids(encoder, passage("page of a report " * 100, 0, "a table " * 60, "yes"))
    assert len(found) <= MAX_TOKENS
    assert picture_token(encoder) in found
    assert "yes" in encoder.model.tokenizer.decode(found)


def test_a_question_may_be_text_a_picture_or_both(encoder, drawings) -> None:
    picture = ImageRef(drawings, 0)
    text, shown, both = encoder.encode_queries([Query("which page"), Query("", picture), Query("which page", picture)])
    assert np.abs(text - both).max() > 1e-3
    assert np.abs(shown - both).max() > 1e-3


def test_an_empty_question_is_refused(encoder) -> None:
    with pytest.raises(InputError, match="text or a picture"):
        encoder.encode_queries([Query("  ")])


def test_saved_and_loaded_it_gives_the_same_vectors(encoder, mixed, tmp_path: Path) -> None:
    encoder.save(tmp_path / "again")
    again = load_encoder(str(tmp_path / "again"), dtype="float32", device="cpu")
    np.testing.assert_allclose(again.encode_passages(mixed), encoder.encode_passages(mixed), atol=1e-5)
    assert again.options == encoder.options


def test_instructions_differ_between_questions_and_passages(encoder, passage) -> None:
    options = VisionOptions(query_instruction="Find it.", passage_instruction="Represent it.", max_tokens=MAX_TOKENS)
    told = VisionEncoder(encoder.model, options, name="told", revision="1")
    assert (
        told.info != VisionEncoder(encoder.model, VisionOptions(max_tokens=MAX_TOKENS), name="told", revision="1").info
    )
    decode = told.model.tokenizer.decode
    assert "Find it." in decode(told.inputs.query(Query("the circle"))["input_ids"][0])
    assert "Represent it." in decode(told.inputs.passage(passage("the circle"))["input_ids"][0])


def test_a_limit_too_small_for_the_template_is_refused(encoder) -> None:
    with pytest.raises(InputError, match="no room"):
        VisionEncoder(encoder.model, VisionOptions(max_tokens=20), name="x", revision="1")


def test_shortened_vectors_are_the_first_numbers_at_unit_length(encoder, mixed) -> None:
    options = VisionOptions(max_tokens=MAX_TOKENS, max_pixels=MAX_PIXELS, dimension=8)
    short = VisionEncoder(encoder.model, options, name="short", revision="1").encode_passages(mixed)
    whole = encoder.encode_passages(mixed)[:, :8]
    np.testing.assert_allclose(short, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-5)


def test_batches_hold_no_more_tokens_than_allowed(encoder, mixed, monkeypatch) -> None:
    sizes = []
    embed = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda rows: sizes.append([length(row) for row in rows]) or embed(rows))
    monkeypatch.setattr(encoder, "options", VisionOptions(batch_tokens=250))
    encoder.encode_passages(mixed)
    assert all(len(rows) == 1 or len(rows) * max(rows) <= 250 for rows in sizes)
    assert sum(map(len, sizes)) == len(mixed)
