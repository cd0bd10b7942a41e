"""The collections as servers of the Model Context Protocol (streamable HTTP), behind the keys of the service.

`/mcp/NAME` is the collection of that name, `/mcp` the only one that the client's key shows. Only tools that read are
offered: files are added by upload. Nothing is kept between requests, so that any worker process answers any of them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mmrank.mcp.server import build
from mmrank.serve.errors import ApiError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from fastapi import FastAPI

    from mmrank.collection import Collection
    from mmrank.serve.service import Service

Tool = Callable[..., CallToolResult]


def mcp(app: FastAPI, service: Service) -> AbstractAsyncContextManager[None]:
    """Add the servers to a service."""
    managers = {name: _manager(service, name) for name in service.names}
    logging.getLogger("mcp").setLevel(logging.WARNING)
    endpoint = _Endpoint(service, managers)
    app.router.routes += [Route("/mcp", endpoint=endpoint), Route("/mcp/{collection}", endpoint=endpoint)]

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for manager in managers.values():
                await stack.enter_async_context(manager.run())
            yield

    return running()


class _Endpoint:
    """Hands each request to the server of the collection that it is for."""

    def __init__(self, service: Service, managers: dict[str, StreamableHTTPSessionManager]) -> None:
        self._service = service
        self._managers = managers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self._service.for_scope(scope).name_of(scope["path_params"].get("collection"))
        if scope["method"] != "POST":  # nothing is sent unasked, and there are no sessions to end
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        await self._managers[name].asgi_app(scope, receive, send)


def _manager(service: Service, name: str) -> StreamableHTTPSessionManager:
    def held() -> Collection:
        return service.collection(name)

    server = build(
        held,
        name=name,
        search=functools.partial(_in_line, service.run),
        look=functools.partial(_in_line, service.look),
    )
    return StreamableHTTPSessionManager(
        server._lowlevel_server,
        json_response=True,
        stateless=True,
        max_request_body_size=service.settings.largest_body,
    )


def _in_line(run: Callable[..., Awaitable[CallToolResult]], tool: Tool) -> Callable[..., Awaitable[CallToolResult]]:
    """A tool that waits for its turn with the other requests of its kind."""

    @functools.wraps(tool)
    async def waiting(*args: object, **kwargs: object) -> CallToolResult:
        try:
            return await run(tool, *args, **kwargs)
        except ApiError as error:  # too many wait, or it took too long
            raise ToolError(str(error)) from error

    return waiting
