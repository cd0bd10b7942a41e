"""Completions of GRPO written by vLLM, as trl asks for them: vLLM itself is stood in for, all of trl is real."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mmrank.errors import InputError, MissingExtraError

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

import shrunk
import tiny_models
from trl.generation import vllm_generation

from mmrank.train.loading import run_recipe
from mmrank.train.recipes.mm_r5 import MmR5Config
from mmrank.train.trainers.reinforcement import GrpoSettings, rollouts
from mmrank.train.trainers.settings import load_config

GOOD, BAD = (tiny_models.tiny_tokenizer().encode(text) for text in ("<think></think><answer>[1, 2, 3]</answer>", "no"))
"""Completions that are written in turns, so that rewards differ."""


def written(tokens: list[int]) -> Any:
    """A completion in the form of vLLM."""
    return SimpleNamespace(token_ids=tokens, logprobs=[{t: SimpleNamespace(rank=1, logprob=-6.0)} for t in tokens])


GRPO = {"completions": 2, "completion_tokens": 64, "updates": 1}


class Engine:
    """In the place of vLLM in the training process."""

    made: dict[str, Any]
    asked: list[dict[str, Any]]
    sampling: list[dict[str, Any]]
    weights: set[str]

    def __init__(self, **settings: Any) -> None:
        Engine.made, Engine.asked, Engine.sampling, Engine.weights = settings, [], [], set()
        model = SimpleNamespace(load_weights=lambda named: Engine.weights.update(name for name, _ in named))
        runner = SimpleNamespace(model_runner=SimpleNamespace(model=model))
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=runner))

    def generate(self, prompts: list[dict[str, Any]], *, sampling_params: dict[str, Any], use_tqdm: bool) -> list[Any]:
        Engine.asked += prompts
        Engine.sampling.append(sampling_params)
        return [
            SimpleNamespace(prompt_token_ids=one["prompt_token_ids"], outputs=[written(BAD if place % 2 else GOOD)])
            for place, one in enumerate(prompts)
        ]

    def reset_prefix_cache(self) -> None: ...


class Client:
    """In the place of trl's client of a vLLM server."""

    made: dict[str, Any]
    asked: list[dict[str, Any]]
    weights: set[str]

    def __init__(self, **settings: Any) -> None:
        Client.made, Client.asked, Client.weights = settings, [], set()

    def init_communicator(self, device: Any) -> None: ...
    def reset_prefix_cache(self) -> None: ...

    def get_server_info(self) -> dict[str, Any]:
        return {"model_config": {"logprobs_mode": "processed_logprobs"}}

    def update_named_params(self, metadata: Any, named: Any) -> None:
        Client.weights.update(name for name, _ in named)

    def image_features(self, images: list[list[Any]]) -> list[dict[str, Any]]:
        return [{"mm_placeholders": {"image": [None] * len(shown)}} for shown in images]

    def generate(self, prompts: list[list[int]], **asked: Any) -> dict[str, Any]:
        Client.asked.append({"prompts": prompts, **asked})
        said = [GOOD, BAD] * len(prompts)
        return {"prompt_ids": prompts, "completion_ids": said, "logprobs": [[[-6.0]] * len(one) for one in said]}


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setattr(vllm_generation, "is_vllm_available", lambda: True)
    monkeypatch.setattr(vllm_generation, "LLM", Engine, raising=False)
    monkeypatch.setattr(vllm_generation, "SamplingParams", dict, raising=False)
    monkeypatch.setattr(vllm_generation, "VLLMClient", Client)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")  # trl sets them for vLLM: they are taken back
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("rollouts")
    return {
        "base": str(tiny_models.tiny_qwen2_5_vl().save(folder / "base")),
        "stages": ["rl"],
        "pictures": True,
        "max_pixels": 56 * 56,
        "source": shrunk.pages(folder),
        "candidates": 3,
        "prompt_tokens": 1200,
        "measure": {"baseline": False, "answers": 1},
        "lora": {**shrunk.LORA, "modules": shrunk.LANGUAGE},
        "trainer": {**shrunk.STEPS, "max_steps": 2, "save_steps": 2, "bf16": False},
    }


def assert_learnt(out: Path) -> None:
    rows = [json.loads(line) for line in (out / "rl" / "metrics.jsonl").open()]
    taken = [row for row in rows if "loss" in row]
    assert len(taken) == 2 and all(row["reward_std"] > 0 and row["grad_norm"] > 0 for row in taken)


def weights_of(base: str) -> set[str]:
    from transformers import AutoModelForImageTextToText

    return {name for name, _ in AutoModelForImageTextToText.from_pretrained(base).named_parameters()}


def test_vllm_in_the_training_process_is_given_pictures_room_and_weights(
    given: dict[str, Any], vllm: None, tmp_path: Path
) -> None:
    where = {"vllm": "colocate", "vllm_memory": 0.4}
    run_recipe("mm_r5", out=tmp_path, grpo={**GRPO, "temperature": 0.7, **where}, **given)
    assert_learnt(tmp_path)
    assert Engine.made["model"] == given["base"]
    assert Engine.made["gpu_memory_utilization"] == 0.4
    assert Engine.made["max_model_len"] == 1200 + 64
    assert not Engine.made["trust_remote_code"]
    assert len(Engine.asked) == 4  # two steps of two completions
    assert all(len(one["multi_modal_data"]["image"]) == 3 for one in Engine.asked)
    assert all((one["n"], one["max_tokens"], one["temperature"]) == (1, 64, 0.7) for one in Engine.sampling)
    assert Engine.weights == weights_of(given["base"])


def test_a_vllm_server_is_given_pictures_and_weights(given: dict[str, Any], vllm: None, tmp_path: Path) -> None:
    where = {"vllm": "server", "vllm_server": "http://there:8001"}
    report = run_recipe("mm_r5", out=tmp_path, grpo={**GRPO, **where}, **given)
    assert report.after and not report.before  # baseline: false
    assert_learnt(tmp_path)
    assert Client.made["base_url"] == "http://there:8001"
    assert len(Client.asked) == 2
    for asked in Client.asked:
        assert (len(asked["prompts"]), asked["n"], asked["max_tokens"], asked["temperature"]) == (1, 2, 64, 1.0)
        (features,) = asked["features"]
        assert [place["length"] for place in features["mm_placeholders"]["image"]] == [4, 4, 4]
    assert Client.weights == weights_of(given["base"])


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed")
@pytest.mark.parametrize("where", ["colocate", "server"])
def test_where_vllm_is_missing_the_extra_is_named(where: Any) -> None:
    with pytest.raises(MissingExtraError, match=r"mmrank\[vllm\]"):
        rollouts(GrpoSettings(vllm=where), 100)


def test_sglang_which_trl_does_not_know_is_refused() -> None:
    with pytest.raises(InputError, match=r"grpo\.vllm: Input should be 'colocate' or 'server'"):
        load_config(MmR5Config, "mm_r5", changes={"grpo": {"vllm": "sglang"}})
