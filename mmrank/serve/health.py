"""`/healthz`: for what keeps the service running."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from mmrank import __version__

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """That the process answers."""

    status: Literal["ok"] = "ok"
    version: str = __version__


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Health:
    """Answers as long as the process runs; it looks at no collection."""
    return Health()
