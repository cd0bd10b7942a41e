"""Everything that goes wrong is answered in one shape: a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

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
        return answer(ApiError(error.status_code, code, detail, error.headers), request_id_of(request))

    app.add_exception_handler(MmrankError, mmrank_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)


def request_id_of(request: Request) -> str:
    """The id of a request, which is in the log and in every answer."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _fault(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
    return f"{place or 'the body'}: {one_line(fault['msg'], 200)}"
