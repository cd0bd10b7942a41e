"""Loading what others made: the one way by which configurations, models, tokenizers and processors come in.

    checkpoint = find_checkpoint("Qwen/Qwen3-VL-Reranker-2B")
    with loading(checkpoint):
        model = AutoModel.from_pretrained(checkpoint.source, **checkpoint.options)

No code of a checkpoint runs, nothing is unpickled, nothing asks on standard input, and its files are checked first
(`mmrank.checkpoint_checks`). Whatever a library says of a broken one becomes one sentence.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrank.checkpoint_checks import check_checkpoint, read_json
from mmrank.errors import MmrankError
from mmrank.printable import one_line

log = logging.getLogger(__name__)

ADAPTER = "adapter_config.json"
"""What tells a folder that peft wrote."""
DESCRIPTIONS = ("*.json", "*.jinja")
"""Files of a repository on the hub that are fetched and checked before the others."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's folder, or a repository of the hub.

    Attributes:
        source: path of the folder, or "owner/name".
        local: whether it is a folder. What is local is loaded without the network.
        options: to be passed to every `from_pretrained`: `trust_remote_code`, `revision`, `local_files_only`.
    """

    source: str
    local: bool
    options: Mapping[str, Any] = field(default_factory=dict)


def find_checkpoint(source: str | Path, *, revision: str | None = None, trust_remote_code: bool = False) -> Checkpoint:
    """A checkpoint whose description is on this machine and was checked.

    Args:
        source: a folder, or a name on the hub.
        revision: commit of the hub's repository.
        trust_remote_code: whether its own code may run; the caller asked for it by name.

    Raises:
        MmrankError: when it is not there and cannot be fetched, or is refused by `check_checkpoint`.
    """
    name = str(source)
    if os.path.isdir(name):  # noqa: PTH112 — says no to what is no path, where pathlib raises
        check_checkpoint(Path(name))
        return Checkpoint(name, True, {"trust_remote_code": trust_remote_code, "local_files_only": True})
    checkpoint = Checkpoint(name, False)
    with loading(checkpoint):
        from huggingface_hub import snapshot_download, try_to_load_from_cache

        if not isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str):
            log.warning("%s is not on this machine and is fetched from the hub, which may take minutes", name)
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(DESCRIPTIONS)))
    check_checkpoint(folder)
    # The commit that was checked is the one that is loaded.
    return Checkpoint(name, False, {"trust_remote_code": trust_remote_code, "revision": folder.name})


def find_adapted(source: str | Path) -> tuple[str, Path | None]:
    """The model to load, and the adapter to merge into it, where `source` is an adapter that peft wrote.

    Args:
        source: a folder or a name on the hub, of a model or of an adapter.

    Returns:
        The name of the model, `source` itself unless it is an adapter; and the adapter's folder.

    Raises:
        MmrankError: when it is an adapter that names no model, or a folder whose model is not on this machine: what a
            folder names is not fetched.
    """
    name = str(source)
    local = os.path.isdir(name)  # noqa: PTH112
    folder = Path(name) if local else _described(name)
    config = folder / ADAPTER
    if (folder / "config.json").exists() or not config.is_file():
        return name, None
    base = read_json(config).get("base_model_name_or_path")
    if not isinstance(base, str) or not base or not base.isprintable():
        raise MmrankError(f"the adapter {name} does not say which model it is for; name the model, and adapter={name}")
    if local and not os.path.isdir(base) and not is_here(base):  # noqa: PTH112
        raise MmrankError(
            f"the adapter {name} is for {one_line(base)}, which is not on this machine; get it with `hf download"
            f" {one_line(base)}`, or name the model, and adapter={name}"
        )
    return base, folder if local else find_adapter(name)


def find_adapter(source: str | Path) -> Path:
    """Where an adapter is on this machine: a file or a folder, or fetched from the hub by its name.

    Raises:
        MmrankError: when it cannot be fetched.
    """
    path = Path(source)
    if path.exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
        return path
    with loading(Checkpoint(str(source), False)):
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(str(source), allow_patterns=[ADAPTER, "adapter_model.safetensors"]))


def _described(name: str) -> Path:
    """The folder with the descriptions of a repository on the hub, fetched where it is not on this machine."""
    with loading(Checkpoint(name, False)):
        from huggingface_hub import snapshot_download

        if not is_here(name):
            log.warning("%s is not on this machine and is fetched from the hub, which may take minutes", name)
        return Path(snapshot_download(name, allow_patterns=list(DESCRIPTIONS)))


def is_here(name: str) -> bool:
    """Whether a repository of the hub is in the cache of this machine."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return any(isinstance(try_to_load_from_cache(name, file), str) for file in ("config.json", ADAPTER))
    except HFValidationError:
        return False


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration, as transformers reads it."""
    from transformers import AutoConfig

    with loading(checkpoint):
        return AutoConfig.from_pretrained(checkpoint.source, **checkpoint.options)


def load_tokenizer(checkpoint: Checkpoint, model: Any) -> Any:
    """The tokenizer of a model, as transformers reads it."""
    from transformers import AutoTokenizer

    with loading(checkpoint):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.source, **checkpoint.options)
        check_tokenizer(tokenizer, model)
        return tokenizer


def load_language_model(
    checkpoint: Checkpoint, *, dtype: Any, attention: str | None = None, quantisation: Any = None, device: Any = None
) -> Any:
    """A causal or vision-language model with its head, from safetensors.

    `quantisation` is a quantisation config of transformers; such a model is loaded onto `device` and stays there.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    sees = hasattr(load_config(checkpoint), "vision_config")
    loader = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    chosen: dict[str, Any] = {} if attention is None else {"attn_implementation": attention}
    if quantisation is not None:
        chosen |= {"quantization_config": quantisation, "device_map": {"": device}}
    with loading(checkpoint):
        return loader.from_pretrained(
            checkpoint.source, dtype=dtype, use_safetensors=True, **chosen, **checkpoint.options
        )


PROBE = "".join(map(chr, range(32, 127))) + "\n\u00e9\u4e2d\u2013"
TOKENS_PER_CHARACTER = 64


def check_tokenizer(tokenizer: Any, model: Any) -> None:
    """Refuse a tokenizer that multiplies texts, or that is another model's.

    Raises:
        ValueError: when a short text becomes far more tokens than it has characters, or tokens that the model lacks.
    """
    ids = tokenizer(PROBE)["input_ids"]
    if len(ids) > TOKENS_PER_CHARACTER * len(PROBE):
        raise ValueError(f"its tokenizer makes {len(ids):,} tokens of {len(PROBE)} characters")
    greatest = max((*ids, *(token for token in tokenizer.all_special_ids if token is not None)), default=0)
    known = model.get_input_embeddings().weight.shape[0]
    if greatest >= known:
        raise ValueError(f"its tokenizer knows a token {greatest}, and the model has {known}")


@contextmanager
def loading(checkpoint: Checkpoint, *, brought: Collection[str] = ()) -> Iterator[None]:
    """While it lasts, libraries load a checkpoint: quietly, without questions, without pickles.

    Args:
        checkpoint: named in errors.
        brought: names of weights that may be missing, because an adapter brings them.

    Raises:
        MmrankError: for whatever they raise; names the checkpoint, says what was wrong and what to do.
    """
    try:
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            for guard in (_no_questions(), _no_pickles(), _no_missing_weights(brought)):
                stack.enter_context(guard)
            yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MmrankError):
        raise
    except MemoryError as error:
        raise MmrankError(f"{checkpoint.source} needs more memory than there is; choose a smaller model") from error
    except BaseException as error:  # tokenizers' panics are no Exception
        raise MmrankError(_sentence(checkpoint, error)) from error


def _sentence(checkpoint: Checkpoint, error: BaseException) -> str:
    said = one_line(error) or type(error).__name__
    reason = said if isinstance(error, OSError | ValueError | ImportError) else f"{type(error).__name__}: {said}"
    if checkpoint.local:
        return f"the folder {checkpoint.source} does not hold a model that can be loaded (safetensors only): {reason}"
    return (
        f"{checkpoint.source} cannot be loaded: {reason} If it is not on this machine, get it where there is a network"
        f" with `hf download {checkpoint.source}` (and copy HF_HOME), or name a local folder that holds it."
    )


_PATCHES = threading.RLock()
"""Held while a library's function is replaced; a replacement acts in the thread that loads alone."""


@contextmanager
def _replaced(owner: Any, name: str, made: Any) -> Iterator[None]:
    with _PATCHES:
        found = getattr(owner, name)
        setattr(owner, name, made(found, threading.get_ident()))
        try:
            yield
        finally:
            setattr(owner, name, found)


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, and no bars: commands show their own."""
    from transformers.utils import logging

    level, hides = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.set_verbosity_error()
        if hides:
            logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if hides:
                logging.enable_progress_bar()


@contextmanager
def _no_questions() -> Iterator[None]:
    """Where a library forgets to say that code is not trusted, transformers would ask on standard input."""
    from transformers import dynamic_module_utils

    with _replaced(dynamic_module_utils, "TIME_OUT_REMOTE_CODE", lambda found, thread: 0):
        yield


@contextmanager
def _no_pickles() -> Iterator[None]:
    import torch

    def refusing(found: Any, thread: int) -> Any:
        def load(file: Any, *arguments: Any, **options: Any) -> Any:
            if threading.get_ident() == thread:
                raise ValueError(f"{file} is pickled and is not read; save it as safetensors")
            return found(file, *arguments, **options)

        return load

    with _replaced(torch, "load", refusing):
        yield


@contextmanager
def _no_missing_weights(brought: Collection[str]) -> Iterator[None]:
    """Weights that are missing, or of another shape than is claimed, are an error before memory is asked for.

    Transformers would draw them at random, and the model would answer with noise.
    """
    from transformers import PreTrainedModel, modeling_utils

    def strict(found: Any, thread: int) -> Any:
        def move(model: Any, missing: Any, *arguments: Any) -> None:
            quantised = arguments and arguments[-1] is not None
            if threading.get_ident() == thread and not quantised:
                known = [*(model._keys_to_ignore_on_load_missing or ()), "pooler"]
                lost = sorted(
                    key
                    for key in missing
                    if key not in model.all_tied_weights_keys
                    and key not in brought
                    and not any(re.search(name, key) for name in known)
                )
                if lost:
                    raise ValueError(
                        f"{len(lost)} of its weights are missing, or of another shape than config.json says, such as"
                        f" {lost[0]}"
                    )
            found(model, missing, *arguments)

        return move

    def silent(found: Any, thread: int) -> Any:
        """The report would be printed, and its error would hide the one above."""

        def report(**options: Any) -> None:
            if threading.get_ident() != thread or not options["loading_info"].mismatched_keys:
                found(**options)

        return report

    with (
        _replaced(PreTrainedModel, "_move_missing_keys_from_meta_to_device", strict),
        _replaced(modeling_utils, "log_state_dict_report", silent),
    ):
        yield
