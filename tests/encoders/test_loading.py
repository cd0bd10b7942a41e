"""Encoders load by name, and what cannot be loaded says why."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmrank.device import DTYPES
from mmrank.encoders import known_encoders, load_encoder
from mmrank.encoders.conventions import CONVENTIONS
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.encoders.revision import checkpoint_revision
from mmrank.encoders.text import TextEncoder, TextTokensEncoder
from mmrank.errors import InputError, MmrankError
from mmrank.types import ImageRef, Query


@pytest.fixture(scope="module")
def text_encoder() -> TextEncoder:
    return load_encoder(str(embedded_folder()), device="cpu", dtype="float32")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        load_encoder("minilmm")
    assert all(name in str(caught.value) for name in known_encoders())


def test_a_model_that_is_not_here_says_how_to_get_it(monkeypatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MmrankError, match="hf download nobody/no-such-model"):
        load_encoder("nobody/no-such-model", device="cpu")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MmrankError, match=tmp_path.name):
        load_encoder(str(tmp_path), device="cpu")


def test_pickled_weights_are_not_loaded(tiny_qwen3_vl, tmp_path: Path) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save(tiny_qwen3_vl.model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(MmrankError, match="safetensors only"):
        load_encoder(str(folder), device="cpu")


def test_code_from_the_hub_needs_a_pinned_revision() -> None:
    for revision in (None, "main"):
        with pytest.raises(InputError, match="pinned revision"):
            load_encoder("some/model", trust_remote_code=True, revision=revision)


def test_a_checkpoint_with_code_of_its_own_is_not_run_unasked() -> None:
    with pytest.raises(InputError, match="trust_remote_code=True"):
        load_encoder("jina-embeddings-v4")


def test_code_in_a_local_folder_is_not_run_unasked(tiny_qwen3_vl, tmp_path: Path) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "own-code")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(MmrankError):
        load_encoder(str(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_every_convention_names_a_checkpoint_once() -> None:
    checkpoints = [convention.checkpoint for convention in CONVENTIONS.values()]
    assert len(set(checkpoints)) == len(checkpoints)


@pytest.mark.parametrize("option", [{"dimension": 64}, {"max_tokens": 12}, {"revision": "1"}])
def test_options_that_do_not_apply_are_refused(option: dict) -> None:
    with pytest.raises(InputError, match="do not apply"):
        load_encoder("minilm", **option)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(InputError, match="use auto"):
        load_encoder("minilm", device=device)


def test_a_text_model_of_sentence_transformers_gives_its_own_vectors(text_encoder, mixed) -> None:
    ours = load_encoder("minilm", device="cpu", dtype="float32")
    np.testing.assert_allclose(text_encoder.encode_passages(mixed), ours.encode_passages(mixed), atol=1e-5)
    np.testing.assert_allclose(
        text_encoder.encode_queries([Query("circle")]), ours.encode_queries([Query("circle")]), atol=1e-5
    )


def test_a_text_model_shortens_evenly_too(text_encoder, passage) -> None:
    text = text_encoder._text(passage("alpha " * 400, "beta " * 300, "omega"))
    assert text.endswith("omega")
    assert abs(text.count("alpha") - text.count("beta")) <= 1


def test_a_text_model_refuses_pictures_in_questions(text_encoder, drawings) -> None:
    with pytest.raises(InputError, match="reads no pictures"):
        text_encoder.encode_queries([Query("x", ImageRef(drawings, 0))])


def test_text_vectors_can_be_cut(mixed) -> None:
    short = load_encoder(str(embedded_folder()), device="cpu", dtype="float32", dimension=64)
    assert short.info.dimension == 64
    np.testing.assert_allclose(np.linalg.norm(short.encode_passages(mixed), axis=1), 1, atol=1e-5)
    with pytest.raises(InputError, match="384 numbers"):
        load_encoder(str(embedded_folder()), device="cpu", dimension=1000)


def test_a_late_interaction_text_model_gives_vectors_of_tokens(tmp_path: Path, mixed) -> None:
    from sentence_transformers import MultiVectorEncoder

    torch.manual_seed(0)
    MultiVectorEncoder(str(embedded_folder()), device="cpu").save(str(tmp_path / "colbert"))
    encoder = load_encoder(str(tmp_path / "colbert"), device="cpu", dtype="float32")
    assert isinstance(encoder, TextTokensEncoder)
    together = encoder.encode_passages(mixed)
    assert all(vectors.shape[1] == encoder.info.dimension for vectors in together)
    for one, vectors in zip(mixed, together, strict=True):
        np.testing.assert_allclose(vectors, encoder.encode_passages([one])[0], atol=1e-4)


def test_equal_weights_have_equal_revisions_and_others_have_not(tiny_qwen3_vl, tmp_path: Path) -> None:
    import tiny_models

    one, other = (
        tiny.save(tmp_path / str(n)) for n, tiny in enumerate([tiny_qwen3_vl, tiny_models.tiny_qwen3_vl(seed=1)])
    )
    revisions = [load_encoder(str(folder), device="cpu").info.revision for folder in (one, one, other)]
    assert revisions[0] == revisions[1] != revisions[2]


OTHERWISE = {
    "mmrank_encoder.json": lambda _: '{"passage_instruction": "Represent it."}',
    "tokenizer.json": lambda text: json.dumps({**json.loads(text), "normalizer": {"type": "Lowercase"}}),
    "tokenizer_config.json": lambda text: json.dumps({**json.loads(text), "padding_side": "left"}),
    "config.json": lambda text: json.dumps({**json.loads(text), "tie_word_embeddings": True}),
    "chat_template.jinja": lambda text: "Passage: " + text,
}


@pytest.mark.parametrize("file", OTHERWISE)
def test_a_folder_whose_files_are_edited_is_another_encoder(tiny_qwen3_vl, tmp_path: Path, file: str) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "edited")
    path = folder / file
    before = load_encoder(str(folder), device="cpu").info
    path.write_text(OTHERWISE[file](path.read_text("utf-8") if path.exists() else ""), "utf-8")
    after = load_encoder(str(folder), device="cpu").info
    assert after.revision != before.revision


def test_a_copied_folder_is_the_same_encoder_whatever_its_notes_and_batches(tiny_qwen3_vl, tmp_path: Path) -> None:
    folder = tiny_qwen3_vl.save(tmp_path / "one" / "model")
    copied = shutil.copytree(folder, tmp_path / "other" / "model")
    (copied / "README.md").write_text("Notes.")
    (copied / "mmrank_encoder.json").write_text('{"batch_tokens": 4096}')
    one, other = (load_encoder(str(path), device="cpu").info for path in (folder, copied))
    assert one == other


def test_other_limits_are_told_by_their_own_fields(tiny_qwen3_vl, tmp_path: Path) -> None:
    folder = str(tiny_qwen3_vl.save(tmp_path / "model"))
    whole, less = load_encoder(folder, device="cpu").info, load_encoder(folder, device="cpu", max_tokens=200).info
    assert less == replace(whole, max_tokens=200)


def test_the_weights_prompts_and_tokenizer_of_a_text_model_count(tmp_path: Path) -> None:
    folder = shutil.copytree(embedded_folder(), tmp_path / "model")
    revisions = {checkpoint_revision(str(folder), None)}
    for file in ("vocab.txt", "tokenizer.json", "config_sentence_transformers.json", "1_Pooling/config.json"):
        with (folder / file).open("a") as opened:
            opened.write("\n")
        revisions.add(checkpoint_revision(str(folder), None))
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    revisions.add(checkpoint_revision(str(folder), None))
    assert len(revisions) == 6


def test_a_hub_checkpoint_is_named_by_its_commit() -> None:
    assert checkpoint_revision("some/model", SimpleNamespace(_commit_hash="c0ffee"), "calling") == "c0ffee"
    with pytest.raises(MmrankError, match="not known"):
        checkpoint_revision("some/model", SimpleNamespace())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_info_tells_the_precision_of_the_computation(tiny_qwen3_vl, tiny_colqwen2, tmp_path, dtype: str) -> None:
    folders = [tiny.save(tmp_path / str(number)) for number, tiny in enumerate((tiny_qwen3_vl, tiny_colqwen2))]
    for name in ("minilm", "minilm-tokens", embedded_folder(), *folders):
        assert load_encoder(str(name), device="cpu", dtype=dtype).info.dtype == dtype
