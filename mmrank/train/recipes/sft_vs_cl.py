"""SFT or CL? The four combinations of weight and direction, each from the same start, on the same groups."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from torch import Tensor

from mmrank.rerankers.prompts import YES_NO
from mmrank.train.objectives.judgement import Kind, constant_weights, direction, url_loss, weights
from mmrank.train.recipes.causal import load_causal
from mmrank.train.recipes.config import LoraSettings, RecipeConfig
from mmrank.train.recipes.grouped import fit, rows_of
from mmrank.train.recipes.judged import LabelScorer
from mmrank.train.recipes.reinforce import lora_config
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source

COMBINATIONS = ("sft+sft", "sft+cl", "cl+sft", "cl+cl", "constant+sft")


class SftVsClConfig(RecipeConfig):
    """See sft_vs_cl.yaml."""

    base: str = "Qwen/Qwen2.5-VL-3B-Instruct"
    source: Source = Source()
    candidates: int = Field(17, ge=2)
    combinations: list[str] = Field(default_factory=lambda: list(COMBINATIONS), description="weight+direction")
    lora: LoraSettings | None = LoraSettings()


def train(config: SftVsClConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train each combination; the report holds `<weight>+<direction> recall` and mrr on held-out groups."""
    examples, held_out = config.source.read()
    rows, tests = rows_of(examples, config.candidates, config.trainer.seed), rows_of(held_out, config.candidates)
    texts = [YES_NO.frame(str(row["query"]), "") + " ".join(row["candidates"]) for row in (*rows, *tests)]
    start, tokenizer = load_causal(config.base, [*texts, "yes", "no"], config.trainer.seed)
    scorer = LabelScorer(tokenizer, YES_NO)
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for combination in config.combinations:
        model = copy.deepcopy(start)
        if config.lora is not None:
            from peft import get_peft_model

            model = get_peft_model(model, lora_config(config.lora))
        folder = out / combination.replace("+", "_")
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=scorer,
            objective=Combination(combination),
            settings=config.trainer,
            out=folder,
            resume=resume and (folder / "checkpoints").is_dir(),
        )
        before = first
        after.update({f"{combination} {name}": value for name, value in last.items() if name != "loss"})
        (out / "comparison.json").write_text(json.dumps(after, indent=2), encoding="utf-8")
    return TrainingReport("sft_vs_cl", out, before, after)


class Combination:
    """One weight with one direction, as an objective over groups without gaps; mean over questions."""

    def __init__(self, name: str) -> None:
        self.weight, _, self.direction = name.partition("+")

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The surrogate loss; candidates that are not there pull nothing."""
        lowest = -1e4
        yes = scores[..., 0].masked_fill(~batch["mask"], lowest)
        no = scores[..., 1].masked_fill(~batch["mask"], 0.0)
        kind: Kind = "cl" if self.direction == "cl" else "sft"
        if self.weight == "constant":
            pull = constant_weights(yes, no)
        else:
            pull = weights(yes, no, "cl" if self.weight == "cl" else "sft")
        pull = pull.masked_fill(~batch["mask"], 0.0)
        return url_loss(pull, direction(yes, no, kind))
