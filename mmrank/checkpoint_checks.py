"""What a model's folder may claim: looked at before a library reads it, and before memory is asked for.

A checkpoint comes from others. Its JSON files say how large a model is, how many tokens a text is padded to, how many
pixels a picture gets; libraries believe them. Here the numbers are held against the weights that are really there.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError
from mmrank.printable import one_line

LARGEST_JSON = 64 << 20
"""Bytes of one JSON file; vocabularies of real models take up to 35 MB."""
MOST_FILES = 20_000
DEEPEST = 64
"""Levels of a JSON file; `tokenizer.json` has the most, about ten."""
MOST_LAYERS = 1024
LARGEST_SIZE = 1 << 20
"""Of one dimension, where no weights are there to compare with."""
LONGEST_CONTEXT = 1 << 24
LARGEST_SIDE = 1 << 14
"""Pixels on a side of the pictures that a model was built for."""
MOST_PIXELS = 1 << 28
MOST_PADDING = 1 << 20
DESCRIBING = ("config.json", "modules.json", "adapter_config.json")
"""One of these stands in the folder of every model."""
SLACK = 16
"""A claimed dimension may be this many times the largest that a weight really has."""

_LAYERS = re.compile(r"(layers?|depths?|blocks|stages)$|^n_layers?$")
_CONTEXT = re.compile(r"^(n_positions|n_ctx|seq_length|max_sequence_length)$|max_position_embeddings$|max_seq_len")
_SIZES = re.compile(
    r"(size|dims?|dimensions?|channels|features|width|ranks?|heads|experts|factors?|units|labels|queries|filters|convs)$"
    r"|^(d_|n_|num_)"
)
_SIDE = re.compile(r"^(image_size|input_size|max_image_size)$")
_LEAST_PIXELS = re.compile(r"^(min_pixels|shortest_edge)$")
_PLACES = frozenset(
    "cache_dir cache_folder code_revision device_map force_download gguf_file local_files_only model_file"
    " model_name_or_path offload_folder pretrained_model_name_or_path proxies quantization_config revision state_dict"
    " subfolder token tokenizer_file tokenizer_name_or_path use_safetensors vocab_file weights_only".split()
)
"""Arguments of a library's loading that a checkpoint may not set for itself."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What the safetensors files of a folder hold: tensors, the largest dimension of any, elements, bytes on disk."""

    tensors: int
    largest: int
    elements: int
    bytes: int


def check_checkpoint(folder: Path) -> None:
    """Refuse a model's folder that no library should read.

    Raises:
        MmrankError: for what is no regular file, JSON that is too large, too deep or none, numbers beyond all bounds or
            beyond what the weights hold, weights that this machine's memory does not hold, and settings that lead out
            of the folder. It names the file.
    """
    if not any((folder / name).exists() for name in DESCRIBING):
        raise MmrankError(
            f"the folder {folder} does not hold a model that can be loaded: there is no config.json in it"
        )
    total = 0
    for here in _folders(folder):
        weights = _weights(here)
        total += weights.bytes
        if weights.tensors == 0 and (here / "pytorch_model.bin").exists():
            raise MmrankError(
                f"{here / 'pytorch_model.bin'} is pickled, and mmrank reads safetensors only; save the model so"
            )
        for path in sorted(here.glob("*.json")):
            _check_file(path, read_json(path), weights)
    if (memory := _memory()) and total > memory:
        raise MmrankError(
            f"the weights in {folder} take {total / 2**30:.0f} GiB, and this machine has {memory / 2**30:.0f} GiB of"
            " memory; choose a smaller model"
        )


def read_json(path: Path) -> Any:
    """The content of a JSON file of a checkpoint.

    Raises:
        MmrankError: when it is too large, too deep, or no JSON.
    """
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise MmrankError(
                f"{path} has {path.stat().st_size:,} bytes; no file of a model has more than 64 MiB of JSON"
            )
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MmrankError(f"{path} cannot be read: {one_line(error)}") from error
    _check_depth(path, value)
    return value


def _check_depth(path: Path, value: Any) -> None:
    level, depth = [value], 0
    while level:
        if (depth := depth + 1) > DEEPEST:
            raise MmrankError(f"{path} is nested deeper than {DEEPEST} levels")
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and those below it; links to folders are not followed."""
    seen = 0
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += len(files) + len(folders)
        if seen > MOST_FILES:
            raise MmrankError(f"{folder} holds more than {MOST_FILES:,} files; name the folder of one model")
        for name in files:
            path = Path(here, name)
            try:
                kind = path.stat().st_mode
            except OSError as error:
                raise MmrankError(f"{path} cannot be read: {error.strerror}") from error
            if not stat.S_ISREG(kind):
                raise MmrankError(f"{path} is no regular file; a model's folder holds nothing else")
        yield Path(here)


def _weights(folder: Path) -> Weights:
    from safetensors import SafetensorError, safe_open

    tensors, largest, elements, size = 0, 0, 0, 0
    for path in sorted(folder.glob("*.safetensors")):
        size += path.stat().st_size
        try:
            with safe_open(str(path), "np") as file:
                for name in file.keys():  # noqa: SIM118
                    shape = file.get_slice(name).get_shape()
                    tensors += 1
                    largest = max(largest, *shape, 1)
                    elements += math.prod(shape)
        except (OSError, SafetensorError, ValueError) as error:
            raise MmrankError(f"{path} is no safetensors file: {one_line(error)}") from error
    return Weights(tensors, largest, elements, size)


def _check_file(path: Path, value: Any, weights: Weights) -> None:
    name = path.name
    if name == "modules.json":
        _check_modules(path, value)
        return
    if name.endswith(("vocab.json", ".index.json", "results.json")):
        return
    if not isinstance(value, dict):
        if name == "config.json":
            raise MmrankError(f"{path} does not hold the settings of a model")
        return
    if name == "config.json":
        _check_config(path, value, weights)
    elif name == "tokenizer.json":
        _check_tokenizer(path, value)
    elif "processor" in name:
        for key, number in _numbers(value):
            bound = 1 << 24 if _LEAST_PIXELS.search(key) else 1 << 16 if "seq_len" in key else MOST_PIXELS
            _refuse_above(path, key, number, bound)
    elif name.startswith("sentence_"):
        _check_loading(path, value)


def _check_config(path: Path, value: Mapping[str, Any], weights: Weights) -> None:
    sizes = SLACK * weights.largest if weights.tensors else LARGEST_SIZE
    for key, number in _numbers(value):
        if key.endswith(("_id", "_ids")):
            continue
        if _CONTEXT.search(key):
            _refuse_above(path, key, number, LONGEST_CONTEXT)
        elif _SIDE.search(key):
            _refuse_above(path, key, number, LARGEST_SIDE)
        elif _LAYERS.search(key):
            _refuse_above(path, key, number, MOST_LAYERS)
        elif "vocab" in key and not weights.tensors:
            _refuse_above(path, key, number, LONGEST_CONTEXT)
        elif _SIZES.search(key) and not key.startswith(("max_", "rope_")):
            _refuse_above(path, key, number, sizes, weights.tensors)
    sides = [value.get(name) for name in ("in_features", "out_features")]
    area = math.prod(side for side in sides if isinstance(side, int | float))
    if weights.tensors and all(sides) and area > SLACK * weights.elements:
        raise MmrankError(
            f"{path} claims in_features × out_features {area:,}, and its weights are {weights.elements:,}"
        )
    for key, text in _texts(value):
        if key.endswith("_implementation") and "/" in text:
            raise MmrankError(f"{path} wants {key} {text!r}, which is code of others; take it out")


def _refuse_above(path: Path, key: str, number: float, bound: int, tensors: int = 0) -> None:
    if abs(number) > bound:
        beside = "; its weights hold no such thing" if tensors else ""
        raise MmrankError(f"{path} claims {key} {number:,}, which no model has{beside}")


def _check_tokenizer(path: Path, value: Mapping[str, Any]) -> None:
    padding = value.get("padding")
    strategy = padding.get("strategy") if isinstance(padding, dict) else None
    for key, number in _numbers({"padding": strategy}):
        _refuse_above(path, f"padding {key}", number, MOST_PADDING)
    multiple = padding.get("pad_to_multiple_of") if isinstance(padding, dict) else None
    for key, number in _numbers({"pad_to_multiple_of": multiple}):
        _refuse_above(path, key, number, MOST_PADDING)


def _check_modules(path: Path, value: Any) -> None:
    """The modules of sentence-transformers: folders below this one, classes of that library."""
    if not isinstance(value, list) or not value:
        raise MmrankError(f"{path} lists no modules")
    for module in value:
        if not isinstance(module, dict) or not all(isinstance(module.get(key), str) for key in ("path", "type")):
            raise MmrankError(f"{path} holds a module without a path and a type")
        parts = re.split(r"[/\\]", module["path"])
        if ".." in parts or Path(module["path"]).is_absolute() or "\0" in module["path"]:
            raise MmrankError(f"{path} names the module {module['path']!r}, which is outside of the model's folder")


def _check_loading(path: Path, value: Mapping[str, Any]) -> None:
    """What sentence-transformers passes on to transformers from `sentence_bert_config.json`."""
    for key, inner in value.items():
        given = inner if key.endswith(("_args", "_kwargs")) and isinstance(inner, dict) else {key: None}
        for name in given:
            if name in _PLACES:
                raise MmrankError(f"{path} sets {name}, which a model may not decide for itself; take it out")


def _numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Every number of a JSON value with the nearest key above it."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        key, item = waiting.pop()
        if isinstance(item, dict):
            if key not in {"id2label", "label2id"}:
                waiting += [(str(name), inner) for name, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(key, inner) for inner in item]
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield key, item


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        key, item = waiting.pop()
        if isinstance(item, dict):
            waiting += [
                (f"{key}{name}" if key.endswith("_implementation") else str(name), i) for name, i in item.items()
            ]
            if key.endswith("_implementation"):
                waiting += [(key, inner) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(key, inner) for inner in item]
        elif isinstance(item, str):
            yield key, item


def _memory() -> int:
    """Bytes of memory of this machine, of its processors or its GPUs, whichever is more; 0 where it is not known."""
    import sys

    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gpus = range(torch.cuda.device_count())
        memory = max(memory, sum(torch.cuda.get_device_properties(gpu).total_memory for gpu in gpus))
    return memory
