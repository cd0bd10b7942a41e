"""IDCM as one model (Hofstätter et al. 2021): a selector, an expensive model of windows, and weights of their scores.

It is kept in the layout in which the paper's authors released theirs, so that both are loaded alike:

| in the file | here |
| --- | --- |
| `bert_model.…` | `encoder`, a model of transformers that is like BERT |
| `_classification_layer` | `head` |
| `top_k_scoring` (1, best) | `weights` |
| `sample_cnn3.1`, `sample_projector`, `kernel_alpha_scaler` (1, 1, 11), `sampling_binweights` | `selector` |

`config.json` names the encoder and holds the numbers of `Cascade`. What mmrank writes holds the encoder's own config
and its tokenizer too, in the folder `encoder`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmrank.checkpoint_checks import read_json
from mmrank.checkpoints import find_checkpoint, is_here, load_config, loading
from mmrank.errors import MmrankError
from mmrank.printable import one_line
from mmrank.rerankers.selector import CKNetwork

WEIGHTS = "model.safetensors"
ENCODER = "encoder"
CONSTANTS = ("mu", "sigma", "bert_model.embeddings.position_ids")
"""Tensors of the released layout that are constants here; transformers wrote the last one, once."""
_SELECTOR = {
    "convolution.weight": "sample_cnn3.1.weight",
    "convolution.bias": "sample_cnn3.1.bias",
    "reduce.weight": "sample_projector.weight",
    "reduce.bias": "sample_projector.bias",
    "combine.weight": "sampling_binweights.weight",
    "alpha": "kernel_alpha_scaler",
}


@dataclass(frozen=True, slots=True)
class Cascade:
    """The numbers of a cascade.

    Attributes:
        keep: windows that the selector chooses.
        best: scores that are combined.
        window: tokens per window.
        overlap: tokens that a window shows of each neighbour.
        padding: id of the padding token.
        mode: whether the selector was trained to see padding ("official", as released) or not.
    """

    keep: int = 4
    best: int = 3
    window: int = 50
    overlap: int = 7
    padding: int = 0
    mode: Literal["official", "fixed"] = "fixed"


class IdcmNetwork(nn.Module):
    """Scores of windows, cheap and expensive, and their combination.

    Args:
        encoder: a model of transformers without a head, like BERT: with `embeddings`, and one vector per token.
        cascade: its numbers.
        narrow: see `CKNetwork`.

    Raises:
        MmrankError: when the encoder has no embedding layer of that kind.
    """

    def __init__(self, encoder: Any, cascade: Cascade, *, narrow: tuple[int, int] | None = None) -> None:
        super().__init__()
        if not isinstance(getattr(encoder, "embeddings", None), nn.Module):
            raise MmrankError(f"{type(encoder).__name__} has no embedding layer as BERT has; choose a model like BERT")
        self.encoder = encoder
        self.cascade = cascade
        self.head = nn.Linear(encoder.config.hidden_size, 1)
        self.weights = nn.Parameter(torch.ones(cascade.best))
        width = encoder.get_input_embeddings().weight.shape[1]
        self.selector = CKNetwork(width, narrow=narrow, mode=cascade.mode)

    def judge(self, query: Tensor, windows: Tensor) -> Tensor:
        """Scores of windows by the expensive model: its first vector, or what it pools, through one linear layer.

        Args:
            query: (windows, query tokens), special tokens included, padded.
            windows: (windows, window tokens), padded.

        Returns:
            (windows,) in float32.
        """
        ids = torch.cat([query, windows], dim=1)
        made = self.encoder(input_ids=ids, attention_mask=(ids != self.cascade.padding).long())
        pooled = getattr(made, "pooler_output", None)
        vector = made.last_hidden_state[:, 0] if pooled is None else pooled
        return self.head(vector.to(self.head.weight.dtype)).squeeze(-1).float()

    def preview(self, query: Tensor, windows: Tensor) -> Tensor:
        """Scores of the same windows by the selector, over the encoder's embedding layer as it is; see `judge`."""
        padding = self.cascade.padding
        with torch.no_grad():
            asked, shown = self.encoder.embeddings(query), self.encoder.embeddings(windows)
        kind = self.selector.combine.weight.dtype
        return self.selector(asked.to(kind), query != padding, shown.to(kind), windows != padding).float()

    def combined(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Scores of documents: the best scores of their windows, weighted; a window that is not there counts 0.

        Args:
            scores: (documents, windows).
            mask: (documents, windows) boolean, False for windows that are not there.

        Returns:
            (documents,).
        """
        best = min(self.cascade.best, scores.shape[1])
        top = scores.masked_fill(~mask, float("-inf")).topk(best, dim=1).values
        return torch.where(top.isfinite(), top, 0.0) @ self.weights[:best].float()


def released(network: IdcmNetwork) -> dict[str, Tensor]:
    """The weights under their names in the released layout."""
    state = {f"bert_model.{name}": value for name, value in network.encoder.state_dict().items()}
    state["_classification_layer.weight"], state["_classification_layer.bias"] = network.head.weight, network.head.bias
    state["top_k_scoring"] = network.weights[None]
    own = network.selector.state_dict()
    state |= {name: own[ours] for ours, name in _SELECTOR.items() if ours in own}
    state["kernel_alpha_scaler"] = own["alpha"][None, None]
    state["sampling_binweights.bias"] = own["alpha"].new_zeros(1)
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


def save_idcm(folder: Path, network: IdcmNetwork, tokenizer: Any) -> None:
    """Write a folder that `load_idcm` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(released(network), folder / WEIGHTS)
    numbers = network.cascade
    narrow = network.selector.narrow
    described = {
        "model_type": "IDCM",
        "bert_model": ENCODER,
        "sample_n": numbers.keep,
        "sample_context": "ck" if narrow is None else "ck-small",
        "top_k_chunks": numbers.best,
        "chunk_size": numbers.window,
        "overlap": numbers.overlap,
        "padding_idx": numbers.padding,
        "mode": numbers.mode,
    }
    (folder / "config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    network.encoder.config.save_pretrained(folder / ENCODER)
    tokenizer.save_pretrained(folder / ENCODER)


def is_idcm(source: str | Path) -> bool:
    """Whether a folder holds a cascade."""
    path = Path(source) / "config.json"
    return path.is_file() and "sample_context" in read_json(path)


def load_idcm(source: str | Path, *, encoder: str | None = None) -> tuple[IdcmNetwork, Any]:
    """A cascade and the tokenizer of its expensive model, in float32 on the processor.

    Args:
        source: a folder or a name on the hub, with `config.json` and `model.safetensors` in the released layout.
        encoder: where the encoder's config and tokenizer are, a folder or a name on the hub; None for the folder
            `encoder` beside the weights, or else what `config.json` names.

    Raises:
        MmrankError: when something is missing, is no cascade, or does not fit the encoder.
    """
    from transformers import AutoModel, AutoTokenizer

    folder = _fetched(source)
    numbers, kind, named = _numbers(folder)
    base = find_checkpoint(_encoder(folder, encoder, named, local=Path(source).is_dir()))
    config = load_config(base)
    state = _tensors(folder / WEIGHTS)
    try:
        narrow = (
            (state["sample_projector.weight"].shape[0], state["sample_cnn3.1.weight"].shape[0])
            if kind == "ck-small"
            else None
        )
        wanted = _ours(state)

        def built() -> IdcmNetwork:
            with loading(base):
                body = AutoModel.from_config(config)
            if not any(name.startswith("encoder.pooler.") for name in wanted) and hasattr(body, "pooler"):
                body.pooler = None
            return IdcmNetwork(body, numbers, narrow=narrow)

        with torch.device("meta"):  # before memory is asked for
            shapes = {name: value.shape for name, value in built().state_dict().items()}
        if wrong := sorted(
            {name for name, value in wanted.items() if shapes.get(name) != value.shape} | (shapes.keys() - wanted)
        ):
            raise MmrankError(f"{source} does not fit {base.source}: {len(wrong)} tensors differ, such as {wrong[0]}")
        network = built()
        network.load_state_dict(wanted)
    except (KeyError, IndexError) as error:
        raise MmrankError(f"{folder / WEIGHTS} holds no cascade: {one_line(error)} is missing") from error
    with loading(base):
        tokenizer = AutoTokenizer.from_pretrained(base.source, **base.options)
    return network.eval(), tokenizer


def _fetched(source: str | Path) -> Path:
    """The folder with the description and the weights, fetched where it is a name on the hub."""
    checkpoint = find_checkpoint(source)
    if checkpoint.local:
        return Path(checkpoint.source)
    with loading(checkpoint):
        from huggingface_hub import snapshot_download

        revision = checkpoint.options["revision"]
        return Path(snapshot_download(checkpoint.source, revision=revision, allow_patterns=["*.json", WEIGHTS]))


def _numbers(folder: Path) -> tuple[Cascade, str, str]:
    """The numbers of a cascade, the kind of its selector, and the encoder that is named."""
    path = folder / "config.json"
    found = read_json(path)
    kind = found.get("sample_context")
    if kind not in ("ck", "ck-small"):
        raise MmrankError(f"{path} describes no cascade with a selector ck or ck-small, but {one_line(kind)}")
    names = ("sample_n", "top_k_chunks", "chunk_size", "overlap", "padding_idx")
    values = [found.get(name, 0 if name == "padding_idx" else None) for name in names]
    for name, value in zip(names, values, strict=True):
        least = 0 if name in ("padding_idx", "overlap") else -1 if name == "sample_n" else 1
        if type(value) is not int or not least <= value < 1 << 20:
            raise MmrankError(f"{path}: {name} must be a whole number from {least}, found {one_line(value)}")
    keep, best, window, overlap, padding = values
    mode = found.get("mode", "official")
    if mode not in ("official", "fixed"):
        raise MmrankError(f"{path}: mode must be official or fixed, found {one_line(mode)}")
    return Cascade(max(keep, 0), best, window, overlap, padding, mode), str(kind), str(found.get("bert_model", ""))


def _encoder(folder: Path, given: str | None, named: str, *, local: bool) -> str:
    if given is not None:
        return given
    if (folder / ENCODER).is_dir():
        return str(folder / ENCODER)
    if not named or not named.isprintable():
        raise MmrankError(f"{folder} does not say which encoder it is of; name one: encoder=distilbert-base-uncased")
    if local and not Path(named).is_dir() and not is_here(named):
        raise MmrankError(
            f"{folder} is made of {one_line(named)}, which is not on this machine; get it with `hf download"
            f" {one_line(named)}`, or name it: encoder="
        )
    return named


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise MmrankError(f"{path} cannot be read: {one_line(error)}; the weights must be safetensors") from error


def _ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under their names here. The selector's bias is left out: it moves all windows alike."""
    state = {name: value for name, value in state.items() if name not in CONSTANTS}
    found = {f"encoder.{k.removeprefix('bert_model.')}": v for k, v in state.items() if k.startswith("bert_model.")}
    found["head.weight"], found["head.bias"] = (
        state["_classification_layer.weight"],
        state["_classification_layer.bias"],
    )
    found["weights"] = state["top_k_scoring"][0]
    found |= {f"selector.{ours}": state[name] for ours, name in _SELECTOR.items() if name in state}
    found["selector.alpha"] = state["kernel_alpha_scaler"].reshape(-1)
    found["selector.combine.weight"] = state["sampling_binweights.weight"]
    known = {
        name for name in state if name.startswith(("bert_model.", "_classification_layer.", "sampling_binweights."))
    }
    if strange := sorted(state.keys() - known - {*_SELECTOR.values(), "top_k_scoring"}):
        raise KeyError(f"what {strange[0]} belongs to")
    return {name: value.float() for name, value in found.items()}
