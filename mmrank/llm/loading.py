"""From a name to a chat model."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel
from mmrank.llm.settings import ChatServerSettings, LlamaCppSettings, ServerSettings, TransformersSettings
from mmrank.setting_models import SettingsModel, SettingsSection, check_settings

EMBEDDED = ("smollm2", "smollm2-torch")
"""Names of the model that comes with a package: "smollm2" runs in llama.cpp where that is installed (fast generation),
otherwise and as "smollm2-torch" in transformers (fast scoring, attention).
"""


def _transformers(name: str, settings: TransformersSettings) -> ChatModel:
    from mmrank.llm.smollm2 import NAME, transformers_folder
    from mmrank.llm.transformers_engine import TransformersChat

    options = settings.model_dump()
    if name in EMBEDDED:
        return TransformersChat.load(transformers_folder(), name=NAME, **options)
    return TransformersChat.load(name, **options)


def _llama_cpp(name: str, settings: LlamaCppSettings) -> ChatModel:
    from mmrank.llm.llama_cpp_engine import LlamaChat
    from mmrank.llm.smollm2 import NAME, llama_file

    options = settings.model_dump()
    return LlamaChat(llama_file(), name=NAME, **options) if name in EMBEDDED else LlamaChat(name, **options)


def _chat_server(name: str, settings: ChatServerSettings) -> ChatModel:
    from mmrank.llm.http import ModelServer
    from mmrank.llm.openai_engine import OpenAIChat

    url, _, model = name.partition("#")
    if not model:
        raise InputError(f"which model of {url}? Name it behind a #: {url}#model")
    of_server = set(ServerSettings.model_fields)
    server = ModelServer(url, **settings.model_dump(include=of_server))
    return OpenAIChat(server, model, **settings.model_dump(exclude=of_server))


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs chat models: its settings, and what makes a model from a name and checked settings."""

    settings: type[SettingsModel]
    build: Callable[[str, Any], ChatModel]


ENGINES: dict[str, Engine] = {
    "transformers": Engine(TransformersSettings, _transformers),
    "llama.cpp": Engine(LlamaCppSettings, _llama_cpp),
    "server": Engine(ChatServerSettings, _chat_server),
}


def engine_of(name: str) -> str:
    """Which of `ENGINES` runs a model.

    Raises:
        InputError: for a name that no engine knows.

    >>> engine_of("http://localhost:8000/v1#my-model"), engine_of("owner/name"), engine_of("model.gguf")
    ('server', 'transformers', 'llama.cpp')
    """
    if name == "smollm2":
        return "transformers" if importlib.util.find_spec("llama_cpp") is None else "llama.cpp"
    if name.startswith(("http://", "https://")):
        return "server"
    if name.endswith(".gguf"):
        return "llama.cpp"
    if name.startswith((".", "/", "~")) and not os.path.isdir(name):  # noqa: PTH112
        raise InputError(f"there is no folder {name}; name one that holds a model")
    if name in EMBEDDED or os.path.isdir(name) or name.count("/") == 1:  # noqa: PTH112
        return "transformers"
    raise InputError(
        f"unknown model {name!r}; there are: {', '.join(EMBEDDED)}, a .gguf file, a folder, owner/name on the hub,"
        " and http(s)://host/v1#model"
    )


def engine_section(name: str) -> SettingsSection:
    """The settings of the engine that runs a model.

    Raises:
        InputError: for a name that no engine knows.
    """
    engine = engine_of(name)
    title = "the server" if engine == "server" else f"the engine {engine}"
    return SettingsSection(title, ENGINES[engine].settings)


def load_chat_model(name: str, **settings: Any) -> ChatModel:
    """Load a chat model.

    Args:
        name: "smollm2" or "smollm2-torch" (embedded); the path of a GGUF file; the address of an OpenAI-compatible
            server with the model's name behind a #, "http://host:8000/v1#Qwen/Qwen3-VL-8B-Instruct"; a folder in the
            hub's layout; or a repository of the hub, "owner/name".
        settings: those of the engine that runs it; see `mmrank.llm.settings`.

    Raises:
        InputError: for a name that no engine knows, an unknown setting, or a wrong value of one.
        MmrankError: when the model cannot be loaded.
    """
    section = engine_section(name)
    [checked] = check_settings(name, [section], settings)
    return ENGINES[engine_of(name)].build(name, checked)
