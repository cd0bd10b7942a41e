"""Runs recipes in two processes with the model split over processors, by FSDP2 or by DeepSpeed.

    torchrun --nproc-per-node 2 tests/train/split_on_processors.py RUNS.json

torch splits models over processors by gloo; accelerate asks for FSDP on accelerators alone. Here its state is told that
two processors are such machines. DeepSpeed needs to be told nothing. All else is as it is on GPUs: trainers, sharding,
gathering, checkpoints. Each process writes which share of the weights it held in each training, beside RUNS.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import two_processes
from accelerate import state
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor
from transformers import Trainer

held: list[float] = []
"""Weights that this process held, as a share of all, at the first step of each training."""


def ask_for_fsdp() -> None:
    """Let accelerate split over processors, if a plugin asks for it."""
    found = state.AcceleratorState.__init__

    def told(self: Any, *arguments: Any, fsdp_plugin: Any = None, **options: Any) -> None:
        found(self, *arguments, fsdp_plugin=fsdp_plugin, **options)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            if self._mixed_precision != "no":
                fsdp_plugin.set_mixed_precision(self._mixed_precision)
            self.fsdp_plugin = fsdp_plugin

    state.AcceleratorState.__init__ = told


def watch() -> None:
    """Note the shares."""
    step = Trainer.training_step

    def watched(self: Any, model: Any, *arguments: Any, **options: Any) -> Any:
        made = step(self, model, *arguments, **options)
        if self.state.global_step == 0:
            weights = list(model.parameters())
            here = sum(own_part(weight).numel() for weight in weights)
            held.append(here / sum(getattr(weight, "ds_numel", weight.numel()) for weight in weights))
        return made

    Trainer.training_step = watched


def own_part(weight: Any) -> Any:
    """What this process holds of a weight between steps."""
    return weight.to_local() if isinstance(weight, DTensor) else getattr(weight, "ds_tensor", weight)


def reward_by_length() -> None:
    """Let GRPO learn: a random model never names the right passage, and equal rewards move nothing."""
    from mmrank.train.recipes import rank_r1

    def exact_choice(completions: Any, **_: Any) -> list[float]:
        return [float(len(rank_r1.spoken(text)) % 2) for text in completions]

    rank_r1.exact_choice = exact_choice


if __name__ == "__main__":
    ask_for_fsdp()
    watch()
    reward_by_length()
    two_processes.main()
    from mmrank.train.trainers import ranks

    Path(f"{sys.argv[1]}.held{ranks.rank()}").write_text(json.dumps(held))
