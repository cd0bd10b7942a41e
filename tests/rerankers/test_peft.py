"""Adapters that peft wrote: merged as peft merges them, as `adapter=` and as models, for chats and scoring heads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from mmrank.adapters import read_adapter
from mmrank.errors import InputError, MmrankError
from mmrank.llm.loading import load_chat_model
from mmrank.llm.protocol import user
from mmrank.rerankers import load_reranker
from mmrank.rerankers.compose import DualStage
from mmrank.rerankers.cross_encoder import CrossEncoderReranker

peft = pytest.importorskip("peft")
CHATS = [[user("Is the red circle at the top?")], [user("A bar chart")]]


def randomised(model: Any) -> Any:
    """Factors that change something: peft begins with a zero factor."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for name, tensor in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                torch.nn.init.normal_(tensor, std=0.1)
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    model, tokenizer = tiny_models.tiny_llama()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA whose layers differ in rank and scale."""
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter")
    config = peft.LoraConfig(
        r=4,
        lora_alpha=12,
        target_modules=["q_proj", "down_proj"],
        rank_pattern={"down_proj": 2},
        alpha_pattern={"layers.1.self_attn.q_proj": 3},
        use_rslora=True,
        task_type="CAUSAL_LM",
    )
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    randomised(model).save_pretrained(folder)
    return folder


def logits(name: str | Path, **settings: Any) -> np.ndarray:
    model = load_chat_model(str(name), device="cpu", dtype="float32", **settings)
    return model.label_logits(CHATS, ("yes", "no")).values


def test_a_folder_of_peft_changes_a_model_as_peft_does(base: Path, adapter: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    merged = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).merge_and_unload()
    merged.save_pretrained(tmp_path)
    tiny_models.tiny_llama()[1].save_pretrained(tmp_path)
    wanted = logits(tmp_path)
    np.testing.assert_allclose(logits(base, adapter=adapter), wanted, atol=1e-5)
    np.testing.assert_allclose(logits(adapter), wanted, atol=1e-5)
    assert np.abs(logits(base) - wanted).max() > 1e-2


def test_a_reranker_of_an_adapter_ranks(adapter: Path, candidates, question) -> None:
    for family in ("pointwise", "likelihood"):
        assert len(load_reranker(f"{family}:{adapter}", device="cpu").rerank(question, candidates).items) == 6
    with pytest.raises(InputError, match="is an adapter itself"):
        load_reranker(f"pointwise:{adapter}", adapter=adapter, device="cpu")


def test_names_of_older_vision_models_are_found(tmp_path: Path) -> None:
    """Before transformers 4.52 the language model of Qwen2.5-VL was `model`, and the vision tower `visual`."""
    tiny = tiny_models.tiny_qwen2_5_vl()
    tiny.save(tmp_path / "base")
    names = {
        "base_model.model.model.layers.0.self_attn.q_proj": "model.language_model.layers.0.self_attn.q_proj",
        "base_model.model.visual.blocks.0.attn.qkv": "model.visual.blocks.0.attn.qkv",
    }
    weights = tiny.model.state_dict()
    tensors = {}
    for old, new in names.items():
        rows, columns = weights[f"{new}.weight"].shape
        tensors |= {f"{old}.lora_A.weight": torch.ones(1, columns), f"{old}.lora_B.weight": torch.ones(rows, 1)}
    (tmp_path / "adapter").mkdir()
    save_file(tensors, tmp_path / "adapter" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 2, "base_model_name_or_path": str(tmp_path / "base")}
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    loaded = load_chat_model(str(tmp_path / "adapter"), device="cpu", dtype="float32")
    found = loaded.model.state_dict()  # type: ignore[attr-defined]
    for new in names.values():
        torch.testing.assert_close(found[f"{new}.weight"], weights[f"{new}.weight"] + 2)


@pytest.fixture(scope="module")
def scalar_head(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A Llama without a padding token, and an adapter with a head of one logit, as DeAR's first stage is released."""
    from transformers import AutoModelForSequenceClassification

    base, adapter = (tmp_path_factory.mktemp(name) for name in ("llama", "dear-8b-reranker-ce-lora"))
    model, tokenizer = tiny_models.tiny_llama(pad_token_id=None)
    tokenizer.pad_token = None
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    whole = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], task_type="SEQ_CLS")
    randomised(peft.get_peft_model(whole, config)).save_pretrained(adapter)
    return base, adapter


def test_a_scoring_head_comes_with_its_adapter(scalar_head: tuple[Path, Path], candidates, question) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base, adapter = scalar_head
    whole = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    reference = peft.PeftModel.from_pretrained(whole, adapter).merge_and_unload().eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    scores = {}
    for one in candidates:
        coded = tokenizer(f"query: {question.text}", f"document: {one.text}", return_tensors="pt")
        with torch.inference_mode():
            scores[one.id] = float(reference(coded["input_ids"]).logits)
    reranker = load_reranker(f"cross-encoder:{adapter}", device="cpu", dtype="float32")
    found = {item.candidate.id: item.score for item in reranker.rerank(question, candidates).items}
    assert found == pytest.approx(scores, abs=1e-4)
    short = load_reranker(f"cross-encoder:{base}", adapter=adapter, max_tokens=20, batch=2, device="cpu")
    assert isinstance(short, CrossEncoderReranker) and len(short.rerank(question, candidates).items) == 6


def test_the_dual_stage_scores_with_the_head_and_then_reasons(scalar_head, base: Path, candidates, question) -> None:
    _, adapter = scalar_head
    both = load_reranker(f"dual-stage:{base}", first=f"cross-encoder:{adapter}", head=3, think_tokens=4, device="cpu")
    assert isinstance(both, DualStage)
    ranking = both.rerank(question, candidates)
    first = load_reranker(f"cross-encoder:{adapter}", device="cpu").rerank(question, candidates)
    names = [item.candidate.id for item in ranking.items]
    assert sorted(names[:3]) == sorted(item.candidate.id for item in first.items[:3])
    assert names[3:] == [item.candidate.id for item in first.items[3:]]


def test_adapters_that_cannot_be_merged_say_why(adapter: Path, tmp_path: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    config = json.loads((adapter / "adapter_config.json").read_text())

    def broken(said: str, tensors: dict[str, torch.Tensor] | None = None, **changes: Any) -> None:
        save_file(weights if tensors is None else tensors, tmp_path / "adapter_model.safetensors")
        (tmp_path / "adapter_config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(MmrankError, match=said):
            read_adapter(tmp_path)

    broken("of the kind DoRA", use_dora=True)
    broken("of the kind PREFIX_TUNING", peft_type="PREFIX_TUNING")
    broken("of the kind fan_in_fan_out", fan_in_fan_out=True)
    broken("alpha_pattern .* is no name", alpha_pattern={"(.*a)+": 3})
    broken("no factor of a linear layer", {"base_model.model.x.lora_embedding_A": torch.ones(1)})
    broken("no finite number", {"base_model.model.x.weight": torch.tensor([float("nan")])})
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(MmrankError, match="pickled weights are not read"):
        read_adapter(tmp_path)


def test_a_folder_does_not_make_its_model_be_fetched(adapter: Path, tmp_path: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    for named, said in (
        ("someone/else", "hf download` someone/else|hf download someone/else"),
        ("", "does not say"),
        ("../x", "not on this"),
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": named}))
        with pytest.raises(MmrankError, match=said):
            load_reranker(f"pointwise:{tmp_path}")
