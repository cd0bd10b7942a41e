"""Settings of rerankers: what each family and engine takes, how text is read, and what errors say."""

from __future__ import annotations

import inspect

import pytest

from mmrank.errors import InputError
from mmrank.llm.http import ModelServer
from mmrank.llm.llama_cpp_engine import LlamaChat
from mmrank.llm.loading import ENGINES
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.settings import ChatServerSettings, LlamaCppSettings, ServerSettings, TransformersSettings
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers import FAMILIES, load_reranker
from mmrank.rerankers.attention import Attention
from mmrank.rerankers.building import AS_TRAINED
from mmrank.rerankers.compose import Cascade, DualStage
from mmrank.rerankers.likelihood import Likelihood
from mmrank.rerankers.listwise import Listwise
from mmrank.rerankers.loading import sections_of
from mmrank.rerankers.served import Served
from mmrank.rerankers.settings import DocumentCascadeSettings, ListwiseSettings, SetwiseSettings
from mmrank.rerankers.setwise import Setwise

SERVER = "http://127.0.0.1:9/v1#m"


@pytest.mark.parametrize("model", [entry.settings for entry in (*FAMILIES.values(), *ENGINES.values())])
def test_every_setting_has_a_description_and_a_default(model) -> None:
    assert model.__doc__ and model.model_fields
    for field in model.model_fields.values():
        assert field.description and not field.is_required()


def defaults(made: object) -> dict[str, object]:
    parameters = inspect.signature(made).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


@pytest.mark.parametrize(
    ("model", "made"),
    [
        (TransformersSettings, [TransformersChat, TransformersChat.load]),
        (LlamaCppSettings, [LlamaChat]),
        (ServerSettings, [ModelServer]),
        (ChatServerSettings, [ModelServer, OpenAIChat]),
        (SetwiseSettings, [Setwise]),
        (ListwiseSettings, [Listwise]),
        (FAMILIES["likelihood"].settings, [Likelihood]),
        (FAMILIES["attention"].settings, [Attention]),
        (FAMILIES["served"].settings, [Served]),
        (FAMILIES["cascade"].settings, [Cascade]),
        (FAMILIES["dual-stage"].settings, [DualStage]),
    ],
)
def test_a_class_has_the_defaults_of_its_settings(model, made) -> None:
    taken = {name: value for one in made for name, value in defaults(one).items() if name != "name"}
    described = {name: field.default for name, field in model.model_fields.items()}
    shared = taken.keys() & described.keys()
    assert shared and {name: taken[name] for name in shared} == {name: described[name] for name in shared}


def test_text_is_read_as_the_type_of_the_setting() -> None:
    read = DocumentCascadeSettings(keep="3", weights="1,0.5", missing="none", selector="lexical")
    assert (read.keep, read.weights, read.missing, read.selector) == (3, (1.0, 0.5), None, "lexical")
    assert DocumentCascadeSettings(weights="[1, 0.5]", missing="-2").missing == -2.0
    assert ListwiseSettings(hold="false", head="none").hold is False


def test_text_from_the_command_line_reaches_every_part_of_a_reranker(scripted) -> None:
    reranker = load_reranker(f"served:{scripted.url}#m", path="score", batch="2", retries="0", timeout="1.5")
    assert isinstance(reranker, Served)
    chat = load_reranker(f"listwise:{SERVER}", window="7", stride="3", flavour="vllm", image_tokens="1300")
    assert isinstance(chat, Listwise)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "late-interaction",
            {"dtype": "float8"},
            "dtype must be one of float32, bfloat16, float16, or none, got 'float8'",
        ),
        ("cascade", {"keep": "many"}, "keep must be a whole number, at least 1, got 'many'"),
        (f"setwise:{SERVER}", {"top_p": 2}, "top_p must be a number, above 0, at most 1, got 2"),
        (f"listwise:{SERVER}", {"hold": "perhaps"}, "hold must be true or false, got 'perhaps'"),
        (f"listwise:{SERVER}", {"head": 0}, "head must be a whole number, at least 1, or none, got 0"),
        ("document-cascade", {"weights": "1,x"}, "weights must be numbers separated by commas, got 'x'"),
    ],
)
def test_a_wrong_value_names_the_setting_what_is_allowed_and_what_was_given(name, settings, said) -> None:
    with pytest.raises(InputError) as raised:
        load_reranker(name, **settings)
    assert said in str(raised.value)


def test_one_error_names_all_faults_and_the_settings_of_family_and_engine() -> None:
    with pytest.raises(InputError) as raised:
        load_reranker(f"pointwise:{SERVER}", colour="red", scale="loud", retries=-1)
    said = str(raised.value)
    assert "has no setting 'colour'; there are those of pointwise: prompt" in said
    assert "those of the server: key, concurrency" in said
    assert "scale must be" in said and "retries must be" in said


@pytest.mark.parametrize(
    ("name", "given", "titles"),
    [
        ("late-interaction", {}, ["late-interaction"]),
        ("pointwise:owner/name", {}, ["pointwise", "the engine transformers"]),
        ("pointwise:some.gguf", {}, ["pointwise", "the engine llama.cpp"]),
        (f"pointwise:{SERVER}", {}, ["pointwise", "the server"]),
        (f"served:{SERVER}", {}, ["served", "the server"]),
        ("cascade:owner/name", {}, ["cascade", "pointwise", "the engine transformers"]),
        ("document-cascade", {"expensive": "late-interaction"}, ["document-cascade", "late-interaction"]),
        (
            "document-cascade:some.gguf",
            {"expensive": "listwise"},
            ["document-cascade", "listwise", "the engine llama.cpp"],
        ),
    ],
)
def test_a_reranker_takes_the_settings_of_what_it_is_made_of(name, given, titles) -> None:
    assert [section.title for section in sections_of(name, given)] == titles


def test_settings_go_to_the_part_that_knows_them(scripted, candidate, question) -> None:
    reranker = load_reranker(
        f"document-cascade:{scripted.url}#m", expensive="served", selector="lexical", path="score", batch=1, size=5
    )
    ranking = reranker.rerank(question, [candidate("a", "the red circle")])
    assert ranking.calls == 1 and "text_2" in scripted.bodies[0]


def test_weights_of_the_embedded_model_are_refused_beside_another_one(tmp_path) -> None:
    with pytest.raises(InputError, match="weights are for the embedded MiniLM"):
        load_reranker("cross-encoder:owner/name", weights=tmp_path / "adapter.safetensors")


def test_what_the_listwise_adapter_was_trained_with_are_settings() -> None:
    assert ListwiseSettings(**AS_TRAINED).model_dump(include=set(AS_TRAINED)) == AS_TRAINED


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = FAMILIES["cascade"].settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.keep = 3
