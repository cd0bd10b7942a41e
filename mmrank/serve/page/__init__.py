"""The page in the browser: HTML that the server renders, one stylesheet, and little script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrank.serve.page.editing import router as editing
from mmrank.serve.page.routes import router
from mmrank.serve.page.signing import router as signing
from mmrank.serve.page.uploading import router as uploading
from mmrank.serve.page.view import Kept

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mmrank.serve.service import Service


def page(app: FastAPI, service: Service) -> None:
    """Add the page to a service."""
    app.state.page = Kept(service.drawn)
    for part in (router, signing, uploading, editing):
        app.include_router(part)


__all__ = ["page"]
