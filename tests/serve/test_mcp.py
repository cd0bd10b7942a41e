"""MCP within the service: the SDK's client over HTTP, with the service's keys."""

import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ImageContent, TextContent

from mmrank.serve import ServeSettings, create_app
from mmrank.serve.keys import Keys
from mmrank.serve.mcp import mcp


class Served:
    """A service on a port of its own, in a thread."""

    def __init__(self, collections: dict[str, Path], settings: ServeSettings) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = create_app(collections, settings, extensions=[mcp])
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> "Served":
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture(scope="module")
def served(made_library: Path, keys: Keys) -> Iterator[Served]:
    keys.add("first")
    collections = {"library": made_library, "attic": made_library}
    with Served(collections, ServeSettings(keys=keys.path, read_only=True)) as started:
        yield started


def call(url: str, key: str, tool: str, *, mode: str = "auto", **arguments: Any) -> CallToolResult:
    async def ask() -> CallToolResult:
        async with httpx2_client(key) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode=mode, read_timeout_seconds=30) as client:
                return await client.call_tool(tool, arguments)

    return anyio.run(partial(ask))


def httpx2_client(key: str) -> Any:
    from mcp.shared._httpx_utils import create_mcp_http_client

    return create_mcp_http_client(headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_with_a_key_searches_over_http(served: Served, keys: Keys, mode: str) -> None:
    key = keys.add(f"reader {mode}", collections=["library"])
    found = call(f"{served.url}/mcp", key, "search_documents", mode=mode, query="When does the ferry sail?", k=1)
    assert not found.is_error and [type(block) for block in found.content] == [TextContent, ImageContent]
    named = call(f"{served.url}/mcp/library", key, "list_documents", mode=mode)
    assert "3 documents" in named.content[0].text  # type: ignore[union-attr]
    refused = call(f"{served.url}/mcp", key, "get_page", mode=mode, document="nothing.pdf", page=1)
    assert refused.is_error and "holds no document" in refused.content[0].text  # type: ignore[union-attr]


def test_only_tools_that_read_are_offered(served: Served, keys: Keys) -> None:
    key = keys.add("writer", write=True)
    refused = call(f"{served.url}/mcp/attic", key, "add_documents", paths=["x.pdf"])
    assert refused.is_error and "Unknown tool" in refused.content[0].text  # type: ignore[union-attr]


def test_keys_and_collections_are_those_of_the_service(served: Served, keys: Keys) -> None:
    key = keys.add("attic alone", collections=["attic"])
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    for path, headers, status, code in (
        ("/mcp/attic", {}, 401, "key_missing"),
        ("/mcp/attic", {"Authorization": "Bearer guess"}, 401, "key_unknown"),
        ("/mcp/library", {"Authorization": f"Bearer {key}"}, 404, "no_such_collection"),
        ("/mcp/attic", {"Authorization": f"Bearer {key}", "Host": "evil.example"}, 421, "unknown_host"),
        ("/mcp/attic", {"Authorization": f"Bearer {key}", "Origin": "http://evil.example"}, 403, "foreign_page"),
    ):
        answer = httpx.post(served.url + path, json=message, headers=accept | headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert httpx.get(f"{served.url}/mcp/attic", headers={"Authorization": f"Bearer {key}"}).status_code == 405
    several = {"Authorization": f"Bearer {keys.add('both')}"}
    answer = httpx.post(f"{served.url}/mcp", json=message, headers=accept | several)
    assert answer.status_code == 400 and "library, attic" in answer.json()["error"]["message"]


def test_what_is_no_message_is_refused(served: Served, keys: Keys) -> None:
    headers = {"Authorization": f"Bearer {keys.add('clumsy')}", "Accept": "application/json, text/event-stream"}
    for body in (b"", b"no json", b"[]", b'{"jsonrpc": "2.0"}'):
        answer = httpx.post(
            f"{served.url}/mcp/attic", content=body, headers=headers | {"Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500
    with pytest.raises((MCPError, ExceptionGroup)):
        call(f"{served.url}/mcp/nothing", keys.add("lost"), "list_documents")
