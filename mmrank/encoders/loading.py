"""Encoders by name: the embedded ones, those of `CONVENTIONS`, any hub id and any local folder."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.encoders.protocol import Encoder, MultiVectorEncoder
from mmrank.errors import InputError, MmrankError

if TYPE_CHECKING:
    from mmrank.checkpoints import Checkpoint

AnyEncoder = Encoder | MultiVectorEncoder
EMBEDDED = ("minilm", "minilm-tokens")


def known_encoders() -> list[str]:
    """The names `load_encoder` knows, besides hub ids and folders."""
    from mmrank.encoders.conventions import CONVENTIONS

    return [*EMBEDDED, *CONVENTIONS]


def load_encoder(
    name: str,
    *,
    device: str = "auto",
    dtype: str | None = None,
    trust_remote_code: bool = False,
    revision: str | None = None,
    dimension: int = 0,
    max_tokens: int | None = None,
    max_pixels: int | None = None,
    cache: Path | None = None,
) -> AnyEncoder:
    """The encoder of that name.

    Args:
        name: one of `known_encoders()`, a hub id ("organisation/model") or a local folder.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: float32, bfloat16 or float16; by default what the device is fastest in.
        trust_remote_code: run code that comes with the checkpoint; needs `revision`, and never happens unasked.
        revision: commit of the hub repository.
        dimension: cut vectors to this many numbers (Matryoshka models); 0 keeps them whole.
        max_tokens: other limit of one passage, for vision-language encoders.
        max_pixels: other limit of one picture, for vision-language encoders.
        cache: a file that keeps passage vectors, so that an interrupted run continues where it stopped.

    Raises:
        InputError: for an unknown name (lists the known ones) or options that do not go together.
        MmrankError: when the checkpoint is not on this machine and cannot be fetched; says how to get it.
    """
    if name in EMBEDDED:
        if dimension or max_tokens or max_pixels or revision:
            raise InputError(f"{name} is embedded: dimension, max_tokens, max_pixels and revision do not apply")
        encoder = _embedded(name, device, dtype)
    else:
        limits = {key: value for key, value in {"max_tokens": max_tokens, "max_pixels": max_pixels}.items() if value}
        encoder = _checkpoint(name, device, dtype, trust_remote_code, revision, dimension, limits)
    if cache is None:
        return encoder
    from mmrank.encoders.vector_cache import cached

    return cached(encoder, cache)


def _embedded(name: str, device: str, dtype: str | None) -> AnyEncoder:
    from mmrank.encoders.minilm import MiniLM, MiniLMTokens

    base = MiniLM(device=device, dtype=dtype)
    return base if name == "minilm" else MiniLMTokens(base)


def _checkpoint(
    name: str,
    device: str,
    dtype: str | None,
    trust_remote_code: bool,
    revision: str | None,
    dimension: int,
    limits: dict[str, Any],
) -> AnyEncoder:
    from mmrank.checkpoints import check_tokenizer, find_checkpoint, loading
    from mmrank.device import choose_device, choose_dtype
    from mmrank.encoders.conventions import CONVENTIONS
    from mmrank.encoders.revision import checkpoint_revision

    local = os.path.isdir(name)  # noqa: PTH112 — says no to what is no path, where pathlib raises
    convention = CONVENTIONS.get(name)
    if convention is None and not local and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise InputError(
            f"unknown encoder {name!r}; there are: {', '.join(known_encoders())}; a hub id (organisation/model) or a "
            "local folder works too"
        )
    source = convention.checkpoint if convention else name
    if trust_remote_code and not local and not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise InputError(f"code of {source} is only run from a pinned revision: give revision= a full commit hash")
    if convention and convention.remote_code and not trust_remote_code:
        raise InputError(
            f"{name} brings code of its own ({source}). Read it, then pass trust_remote_code=True and revision="
        )
    device = choose_device(device)
    checkpoint = find_checkpoint(source, revision=revision, trust_remote_code=trust_remote_code)
    with loading(checkpoint):
        if convention is None:
            convention = _described(checkpoint)
        model = _model(convention, device, choose_dtype(device, dtype), checkpoint)
        if hasattr(model[0], "auto_model"):
            check_tokenizer(model.tokenizer, model[0].auto_model)
        if convention.kind.startswith("text"):
            model.encode(["a"], show_progress_bar=False)  # modules that do not fit each other fail here
    options = replace(convention.vision, dimension=dimension or convention.vision.dimension, **limits)
    if limits and not convention.kind.startswith("vision"):
        raise InputError(f"{name} is a text encoder: max_tokens and max_pixels do not apply")
    if dimension and convention.kind.endswith("tokens"):
        raise InputError(f"{name} gives one vector per token, which cannot be cut to {dimension} numbers")
    if dimension > (model.get_embedding_dimension() or dimension):
        raise InputError(f"{name} gives {model.get_embedding_dimension()} numbers; {dimension} are more than that")
    calling = options.calling if convention.kind.startswith("vision") else ""
    found = checkpoint_revision(source, model[0].config, calling)
    return _wrapped(convention.kind, model, options, Path(name).resolve().name if local else name, found)


def _wrapped(kind: str, model: Any, options: Any, name: str, revision: str) -> AnyEncoder:
    from mmrank.encoders.text import TextEncoder, TextTokensEncoder
    from mmrank.encoders.vision import VisionEncoder
    from mmrank.encoders.vision_tokens import VisionTokensEncoder

    if kind == "text":
        return TextEncoder(model, name=name, revision=revision, dimension=options.dimension)
    if kind == "text-tokens":
        return TextTokensEncoder(model, name=name, revision=revision)
    if kind == "vision":
        return VisionEncoder(model, options, name=name, revision=revision)
    return VisionTokensEncoder(model, options, name=name, revision=revision)


def _described(checkpoint: Checkpoint) -> Any:
    """The calling convention of a checkpoint that is not in the table, by its own files."""
    from mmrank.checkpoint_checks import read_json
    from mmrank.checkpoints import load_config
    from mmrank.encoders.conventions import Convention
    from mmrank.encoders.vision import OPTIONS_FILE, VisionOptions

    def stored(name: str) -> dict[str, Any]:
        path = _file(checkpoint, name)
        found = read_json(path) if path else {}
        if not isinstance(found, dict):
            raise MmrankError(f"{path} does not hold settings by name")
        return found

    source = checkpoint.source
    config = load_config(checkpoint)
    tokens = stored("config_sentence_transformers.json").get("model_type") in ("MultiVectorEncoder", "ColBERT") or any(
        name.endswith("ForRetrieval") or name == "HF_ColBERT" for name in config.architectures or []
    )
    if not any(hasattr(config, name) for name in ("vision_config", "vlm_config")):
        return Convention(source, "text-tokens" if tokens else "text")
    options = VisionOptions(**{"generation_prompt": not tokens, **stored(OPTIONS_FILE)})
    return Convention(source, "vision-tokens" if tokens else "vision", options)


def _file(checkpoint: Checkpoint, name: str) -> Path | None:
    from sentence_transformers.util import load_file_path

    options = {key: value for key, value in checkpoint.options.items() if key != "trust_remote_code"}
    found = load_file_path(checkpoint.source, name, **options)
    return Path(found) if found else None


def _model(convention: Any, device: str, dtype: Any, checkpoint: Checkpoint) -> Any:
    """A `SentenceTransformer` or `MultiVectorEncoder`, safetensors only."""
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    from mmrank.processors import sentence_transformers_without_video

    source, where = convention.checkpoint, dict(checkpoint.options)
    weights = {"use_safetensors": True, "dtype": dtype}
    with sentence_transformers_without_video():
        if convention.kind.endswith("tokens"):
            return MultiVectorEncoder(source, device=device, model_kwargs=weights, **where)
        if convention.kind == "text" or _file(checkpoint, "modules.json"):
            return SentenceTransformer(source, device=device, model_kwargs=weights, **where)
        transformer = Transformer(
            source, model_kwargs={**weights, **where}, processor_kwargs=dict(where), config_kwargs=dict(where)
        )
    pooling = Pooling(transformer.get_embedding_dimension(), convention.vision.pooling)
    return SentenceTransformer(modules=[transformer, pooling], device=device)
