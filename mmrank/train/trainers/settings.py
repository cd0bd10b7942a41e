"""Settings of recipes: the recipe's own YAML file, then a variant of it, then the user's YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmrank.errors import InputError
from mmrank.train.trainers.example_source import ExampleSource


class LoraSettings(BaseModel):
    """A low-rank adapter (LoRA)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1, description="the adapter's output is multiplied by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1)
    modules: list[str] | str = Field("all-linear", description="names of the layers that are adapted")
    layers: list[int] | None = Field(None, description="numbers of the blocks that are adapted; None for all")
    plus: float | None = Field(
        None,
        gt=0,
        description="learning rate of the second factor as a multiple of the first one's (LoRA+); None: alike",
    )


class ModelSettings(BaseModel):
    """The setting `model:` of recipes for language models: how the base model is loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the weights; auto: bfloat16 on a GPU if an adapter is trained, otherwise float32"
    )
    attention: str | None = Field(
        None, description="by its name in transformers, for instance flash_attention_2; None: what transformers takes"
    )
    quantise: Literal["4bit", "8bit"] | None = Field(
        None, description="weights in 4 bits (QLoRA) or 8; trains an adapter only, with bitsandbytes"
    )


class MeasureSettings(BaseModel):
    """The setting `measure:` of every recipe: what is measured on held-out examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baseline: bool = Field(True, description="measure before training; never of a model split over processes")
    answers: int | None = Field(
        None, ge=1, description="held-out examples that the model answers in words, at most; None: all"
    )
    batch: int = Field(16, ge=1, description="answers that are written together")


class TrainerSettings(BaseModel):
    """What every stage of training takes.

    Checkpoints are measured on held-out examples when they are saved, and the best one is kept; only the selector of
    idcm and the document encoder of identify keep the last one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    epochs: float = Field(1.0, gt=0)
    max_steps: int = Field(-1, description="overrides epochs where positive")
    batch: int = Field(16, ge=1, description="examples per step and device")
    accumulation: int = Field(1, ge=1, description="steps per update of the weights")
    learning_rate: float = Field(1e-4, gt=0)
    schedule: str = Field("linear", description="of the learning rate, by its name in transformers")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    bf16: bool = True
    save_steps: int = Field(100, ge=1, description="updates between checkpoints")
    log_steps: int = Field(10, ge=1, description="updates between lines of metrics.jsonl")
    gradient_checkpointing: bool = False
    workers: int = Field(0, ge=0, description="processes that prepare batches; 0: the one that trains")
    deepspeed: str | None = Field(None, description="zero2, zero3 or a JSON file")
    fsdp: str | None = Field(None, description="fsdp (the settings that come with mmrank) or a JSON file")


class RecipeConfig(BaseModel):
    """Common to all recipes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: ExampleSource = ExampleSource()
    measure: MeasureSettings = MeasureSettings()
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
    """Read the recipe's defaults, and override them by a variant, then by the user's file, then by `changes`.

    Args:
        model: the recipe's settings class.
        recipe: name of the YAML file in mmrank/train/recipes.
        config: a YAML file of the user, with the same keys.
        variant: a name under `variants:` in the recipe's file, for instance "small".
        changes: settings that override all others.

    Raises:
        InputError: for an unknown variant or setting (it lists the known ones), a value out of range, or a file that
            is not YAML.
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
        faults = "; ".join(_fault(model, fault["type"], fault["loc"], fault["msg"]) for fault in error.errors())
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


def _fault(model: type[BaseModel], kind: str, place: Sequence[int | str], message: str) -> str:
    """One fault in words: "lora.size: unknown setting; there are: rank, alpha, …"."""
    name = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"{name}: {message}" if name else message
    holder = model
    for key in place[:-1]:
        holder = next(_models_in(holder.model_fields[str(key)].annotation))
    return f"{name}: unknown setting; there are: {', '.join(holder.model_fields)}"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Settings classes in an annotation such as `LoraSettings | None`."""
    for part in get_args(annotation) or (annotation,):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


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
