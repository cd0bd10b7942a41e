"""Settings: what goes over what, and what is refused."""

import pytest

from mmrank.config import FREE, PROFILES, Settings, load_settings
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


def test_a_wrong_value_names_the_setting_what_is_allowed_and_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="rerank_weight must be a number from 0 to 1 or none, got 2"):
        load_settings(rerank_weight=2)
    monkeypatch.setenv("MMRANK_LAYOUT", "slow")
    with pytest.raises(InputError, match="layout must be fast or model, got 'slow'"):
        load_settings()


def test_variables_say_none_and_name_settings_of_the_reranker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMRANK_ENCODER_MAX_TOKENS", "none")
    monkeypatch.setenv("MMRANK_RERANK_SETTINGS", '{"keep": 4}')
    settings = load_settings()
    assert settings.encoder_max_tokens is None and settings.rerank_settings == {"keep": 4}
    monkeypatch.setenv("MMRANK_RERANK_SETTINGS", "keep=4")
    with pytest.raises(InputError, match="MMRANK_RERANK_SETTINGS is not JSON"):
        load_settings()


def test_the_breadth_of_a_search_may_change_at_opening() -> None:
    settings = load_settings(search_documents=20, search_passages=100)
    assert (settings.search_documents, settings.search_passages) == (20, 100)
    assert settings.fingerprint() == load_settings().fingerprint()
    with pytest.raises(InputError, match="search_documents must be a whole number, at least 1"):
        load_settings(search_documents=0)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
