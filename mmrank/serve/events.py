"""Answers that come piece by piece, as server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from mmrank.errors import MmrankError
from mmrank.serve.errors import ErrorAnswer, ErrorBody, api_error, request_id_of

log = logging.getLogger("mmrank.serve")

EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string", "description": "JSON"}},
}
"""One server-sent event, for the description."""
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream` as server-sent events",
        "content": {"text/event-stream": {"schema": EVENT}},
    }
}
"""For the description of a route that can stream."""


class Done(BaseModel):
    """What says that nothing more comes."""


def event(name: str, data: BaseModel) -> str:
    """One event.

    >>> event("done", Done())
    'event: done\\ndata: {}\\n\\n'
    """
    return f"event: {name}\ndata: {json.dumps(data.model_dump(mode='json'))}\n\n"


class EventStream(StreamingResponse):
    """Events as they come. What goes wrong in the middle is the last one, `error`, in the shape of all errors."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, events: AsyncIterator[str]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_whole(events, request_id_of(request)), headers=headers)


async def _whole(events: AsyncIterator[str], request_id: str) -> AsyncIterator[str]:
    try:
        async for one in events:
            yield one
    except Exception as error:
        if not isinstance(error, MmrankError):
            log.exception("fault", extra={"fields": {"request_id": request_id}})
        told = api_error(error)
        body = ErrorBody(code=told.code, message=str(told), request_id=request_id)
        yield event("error", ErrorAnswer(error=body))
