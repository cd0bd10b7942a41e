"""Settings: what goes over what, and what is refused."""

import pytest

from mmrank.config import FREE, PROFILES, load_settings
from mmrank.errors import InputError


def test_variables_go_over_the_profile_and_arguments_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings("gpu").encoder == PROFILES["gpu"]["encoder"]
    monkeypatch.setenv("MMRANK_ENCODER", "minilm-tokens")
    monkeypatch.setenv("MMRANK_RERANK_DEPTH", "7")
    assert load_settings("gpu").encoder == "minilm-tokens"
    assert load_settings("gpu", encoder="minilm").encoder == "minilm"
    assert load_settings().rerank_depth == 7


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"passage_tokens.*nonsense"):
        load_settings(passage_tokens=3, nonsense=1)
    with pytest.raises(InputError, match="unknown profile 'tpu'; there are: cpu, gpu"):
        load_settings("tpu")


def test_the_fingerprint_changes_with_what_a_collection_holds_and_with_nothing_else() -> None:
    plain = load_settings()
    assert load_settings(device="cpu", workers=3, rerank_depth=4).fingerprint() == plain.fingerprint()
    assert load_settings(ocr=False).fingerprint() != plain.fingerprint()
    assert not FREE & plain.content().keys()
