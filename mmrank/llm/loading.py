"""From a name to a chat model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel


def _smollm2(**settings: Any) -> ChatModel:
    if importlib.util.find_spec("llama_cpp") is None:
        return _smollm2_torch(**settings)
    from mmrank.llm.llama_cpp_engine import LlamaChat
    from mmrank.llm.smollm2 import NAME, llama_file

    return LlamaChat(llama_file(), name=NAME, **settings)


def _smollm2_torch(**settings: Any) -> ChatModel:
    from mmrank.llm.smollm2 import NAME, transformers_folder
    from mmrank.llm.transformers_engine import TransformersChat

    return TransformersChat.load(transformers_folder(), name=NAME, **settings)


EMBEDDED: dict[str, Callable[..., ChatModel]] = {"smollm2": _smollm2, "smollm2-torch": _smollm2_torch}
"""The model that comes with a package: by llama.cpp where it is installed (fast generation), otherwise and as
smollm2-torch by transformers (fast scoring, attention).
"""


def load_chat_model(name: str, **settings: Any) -> ChatModel:
    """Load a chat model.

    Args:
        name: "smollm2" or "smollm2-torch" (embedded); the path of a GGUF file; the address of an OpenAI-compatible
            server with the model's name behind a #, "http://host:8000/v1#Qwen/Qwen3-VL-8B-Instruct"; a folder in the
            hub's layout; or a repository of the hub, "owner/name".
        settings: the arguments of the engine: `LlamaChat`, `TransformersChat.load`, or `ModelServer` and `OpenAIChat`.

    Raises:
        InputError: for a name that is none of these, or a setting the engine does not know.
        MmrankError: when the model cannot be loaded.
    """
    try:
        if name in EMBEDDED:
            return EMBEDDED[name](**settings)
        if name.startswith(("http://", "https://")):
            return _served(name, settings)
        if name.endswith(".gguf"):
            from mmrank.llm.llama_cpp_engine import LlamaChat

            return LlamaChat(name, **settings)
        if Path(name).is_dir() or name.count("/") == 1:
            from mmrank.llm.transformers_engine import TransformersChat

            return TransformersChat.load(name, **settings)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise InputError(f"{name} does not take these settings: {error}") from error
        raise
    raise InputError(
        f"unknown model {name!r}; there are: {', '.join(EMBEDDED)}, a .gguf file, a folder, owner/name on the hub,"
        " and http(s)://host/v1#model"
    )


def _served(name: str, settings: dict[str, Any]) -> ChatModel:
    from mmrank.llm.http import ModelServer
    from mmrank.llm.openai_engine import OpenAIChat

    url, _, model = name.partition("#")
    if not model:
        raise InputError(f"which model of {url}? Name it behind a #: {url}#model")
    of_chat = {"context_tokens", "image_tokens", "max_pixels", "flavour"}
    patience = {key: value for key, value in settings.items() if key not in of_chat}
    chat = {key: value for key, value in settings.items() if key in of_chat}
    return OpenAIChat(ModelServer(url, **patience), model, **chat)
