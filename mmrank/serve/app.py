"""The application: routes, and what stands around them.

What other rooms add comes as an *extension*, a function that is called with the application and the service before it
starts. It includes its router or mounts its own ASGI application:

    def page(app: FastAPI, service: Service) -> None:
        app.include_router(router)                     # routes take `service: ServiceOf`

    def mcp(app: FastAPI, service: Service) -> AbstractAsyncContextManager[None]:
        app.mount("/mcp", http_application(service))
        return session_manager.run()                   # entered when the application starts, left when it ends

    app = create_app({"library": "library.mmrank"}, extensions=[page, mcp])

`mmrank/cli/serve.py` names the extensions that `mmrank serve` starts with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.middleware.cors import CORSMiddleware

from mmrank import __version__
from mmrank.collection import Collection
from mmrank.serve import compatible, description, documents, errors, health, searching, uploads
from mmrank.serve.guard import Guard
from mmrank.serve.service import Service
from mmrank.serve.settings import ServeSettings

Extension = Callable[[FastAPI, Service], AbstractAsyncContextManager[None] | None]
"""Adds routes or a mounted application; what it returns lasts as long as the application runs."""

DESCRIPTION = """
Finds the right page, and the right spot on it, in collections of PDFs.

Boxes are in points (1/72 inch) from the top left of the page as it is shown. `page` counts from 0, `page_number` and
the pages in paths from 1. Every error has one shape, with a `code` for programs and a `message` for people.
"""


def create_app(
    collections: Mapping[str, str | Path | Collection],
    settings: ServeSettings | None = None,
    *,
    extensions: Sequence[Extension] = (),
) -> FastAPI:
    """The service over some collections, as an ASGI application.

    Args:
        collections: by the name that clients use, the path of a collection or an open one.
        settings: of the service.
        extensions: what else is served, see above.

    Raises:
        InputError: for no collection, or one that cannot be opened.
    """
    chosen = settings or ServeSettings()
    service = Service(collections, chosen)
    lasting: list[AbstractAsyncContextManager[None]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, service.close)
            await asyncio.to_thread(service.start)
            for context in lasting:
                await stack.enter_async_context(context)
            yield

    app = FastAPI(
        title="mmrank",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=errors.DESCRIBED,
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    errors.register(app)
    if chosen.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=chosen.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID"],
        )
    app.add_middleware(Guard, settings=chosen, metrics=service.metrics)
    # Described here, asked for by the guard.
    keyed = [Depends(HTTPBearer(auto_error=False, description="a key of `mmrank keys`"))] if chosen.keys else []
    for room in (searching, documents, uploads, compatible):
        app.include_router(room.router, dependencies=keyed)
    for room in (health, description):
        app.include_router(room.router)
    for extension in extensions:
        context = extension(app, service)
        if context is not None:
            lasting.append(context)
    return app
