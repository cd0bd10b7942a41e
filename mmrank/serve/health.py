"""`/healthz`, `/readyz` and `/metrics`: for what keeps the service running and watches it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from mmrank import __version__
from mmrank.errors import MmrankError
from mmrank.serve.errors import ApiError
from mmrank.serve.service import Service

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """That the process answers."""

    status: Literal["ok"] = "ok"
    version: str = __version__


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Health:
    """Answers as long as the process runs; it looks at no collection."""
    return Health()


@router.get("/readyz", summary="Whether questions can be answered")
async def readyz(request: Request) -> Health:
    """Answers once the encoders are loaded, while every collection can be read; otherwise the status is 503."""
    service: Service = request.app.state.service
    try:
        await service.look(service.check)
    except MmrankError as error:
        raise ApiError(503, "not_ready", "A collection cannot be read, or its encoder is not loaded.") from error
    return Health()


@router.get("/metrics", summary="Counts and times, for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Requests by route and status, their times, jobs and pages that were added."""
    service: Service = request.app.state.service
    counted = service.metrics
    return Response(counted.text(), media_type=counted.content_type)
