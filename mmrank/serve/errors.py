"""Everything that goes wrong is answered in one shape: a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from mmrank.errors import InputError, MissingExtraError, MmrankError
from mmrank.printable import one_line

if TYPE_CHECKING:
    from fastapi import FastAPI, Request


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(description="for programs; it stays the same where the sentence changes")
    message: str = Field(description="a sentence for people: what was wrong, and what to do")
    request_id: str = Field(description="is in the log of the service too")


class ErrorAnswer(BaseModel):
    """How every error is answered."""

    error: ErrorBody


class ApiError(MmrankError):
    """An error with the status and the code that a client is told.

    Args:
        status: of HTTP.
        code: for programs, in lower case with underscores.
        message: a sentence for people.
        headers: of the answer, such as Retry-After.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


def api_error(error: Exception) -> ApiError:
    """How an error of mmrank is told to a client. What nobody expected says no more than that."""
    from mmrank.index.records import StoreLockedError

    if isinstance(error, ApiError):
        return error
    if isinstance(error, StoreLockedError):
        return ApiError(503, "collection_busy", str(error), {"Retry-After": "5"})
    if isinstance(error, MissingExtraError):
        return ApiError(501, "not_installed", str(error))
    if isinstance(error, InputError):
        return ApiError(400, "bad_input", str(error))
    if isinstance(error, MmrankError):
        return ApiError(500, "failed", str(error))
    return ApiError(500, "internal_error", "A fault in mmrank; the log of the service has it under this request id.")


def answer(error: ApiError, request_id: str) -> JSONResponse:
    """The answer to a request that failed."""
    body = ErrorAnswer(error=ErrorBody(code=error.code, message=str(error), request_id=request_id))
    return JSONResponse(body.model_dump(), error.status, error.headers)


DESCRIBED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": what}
    for status, what in (
        (400, "What is asked for cannot be"),
        (401, "No key, or one that is not known"),
        (403, "The key, or the service, does not allow it"),
        (404, "It does not exist"),
        (409, "It contradicts what is there"),
        (408, "The client stopped sending"),
        (413, "Too large"),
        (410, "A file is gone or has changed"),
        (415, "No form with files"),
        (421, "The service is not called so"),
        (422, "Not understood"),
        (429, "Too many requests; Retry-After says when to come back"),
        (500, "It failed"),
        (503, "Busy, or a collection cannot be read at present"),
        (501, "Something is not installed"),
        (504, "It took too long"),
        (507, "The disk is full"),
    )
}
"""Statuses that any route may answer with, for the description."""


def register(app: FastAPI) -> None:
    """Have the application answer its errors so."""

    async def mmrank_error(request: Request, error: Exception) -> JSONResponse:
        return answer(api_error(error), request_id_of(request))

    async def validation_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        said = "; ".join(_fault(fault) for fault in error.errors()[:5])
        return answer(ApiError(422, "invalid_request", said), request_id_of(request))

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
        detail = one_line(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        return answer(ApiError(error.status_code, code, detail, headers), request_id_of(request))

    app.add_exception_handler(MmrankError, mmrank_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)


def request_id_of(request: Request) -> str:
    """The id of a request, which is in the log and in every answer."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _methods(request: Request) -> set[str]:
    """What a path can be asked for."""
    matching = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in matching for method in getattr(route, "methods", None) or ()}


def _fault(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"][1:])  # the first says whether it is in the body, a query, …
    said = (
        "is empty, or not of the form that is described" if "pattern" in fault["type"] else one_line(fault["msg"], 200)
    )
    return f"{place or 'the body'}: {said}"
