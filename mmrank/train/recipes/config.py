"""How a recipe's hyper-parameters are read: the recipe's own YAML, a variant of it, the user's YAML on top."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmrank.errors import InputError


class LoraSettings(BaseModel):
    """A low-rank adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    modules: list[str] | str = "all-linear"
    layers: list[int] | None = Field(None, description="only these layers; None for all")


class TrainerSettings(BaseModel):
    """What every trainer takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    epochs: float = Field(1.0, gt=0)
    max_steps: int = Field(-1, description="overrides epochs where positive")
    batch: int = Field(16, ge=1)
    accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    schedule: str = "linear"
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    bf16: bool = True
    save_steps: int = Field(100, ge=1)
    eval_steps: int | None = Field(None, ge=1, description="None: at each save")
    log_steps: int = Field(10, ge=1)
    gradient_checkpointing: bool = False
    deepspeed: str | None = Field(None, description="zero2, zero3 or a JSON file; not run by us")
    fsdp: str | None = Field(None, description="fsdp (our settings) or a JSON file; not run by us")

    @model_validator(mode="after")
    def _saves_fall_on_evaluations(self) -> TrainerSettings:
        if self.eval_steps is not None and self.save_steps % self.eval_steps:
            raise ValueError(
                f"save_steps={self.save_steps} is not a multiple of eval_steps={self.eval_steps}, so no "
                "checkpoint can be named the best; change one, or leave eval_steps out to evaluate at each save"
            )
        return self


class RecipeConfig(BaseModel):
    """Common to all recipes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trainer: TrainerSettings = TrainerSettings()


Config = TypeVar("Config", bound=RecipeConfig)


def load_config(
    model: type[Config],
    recipe: str,
    *,
    config: Path | None = None,
    variant: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Config:
    """Read the recipe's defaults, change them by a variant, then by the user's file.

    Args:
        model: what the recipe takes.
        recipe: name of the YAML file in this folder.
        config: a YAML file of the user, with the same keys.
        variant: a name under `variants:` in the recipe's file, for instance "small".
        changes: settings that go over all others.

    Raises:
        InputError: for an unknown variant or key, a value out of range, or a file that is not YAML.
    """
    own = yaml.safe_load((files("mmrank.train.recipes") / f"{recipe}.yaml").read_text(encoding="utf-8"))
    settings = own["defaults"]
    if variant is not None:
        variants = own.get("variants") or {}
        if variant not in variants:
            raise InputError(f"the recipe {recipe} has no variant {variant!r}; there are: {', '.join(variants)}")
        settings = merged(settings, variants[variant])
    if config is not None:
        settings = merged(settings, _read(config))
    settings = merged(settings, changes or {})
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(f"the settings of {recipe} do not work: {faults}") from error


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, mapping by mapping.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} is not there; --config takes a YAML file")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(settings, Mapping):
        raise InputError(f"{path} must hold settings by name, found {type(settings).__name__}")
    return settings
