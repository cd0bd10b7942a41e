"""What every request passes before a route sees it: who asks, from where, how often, how much, how slowly.

A pure ASGI middleware, so that mounted applications and streams pass it too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmrank.errors import MmrankError
from mmrank.serve.errors import ApiError, answer, api_error
from mmrank.serve.keys import Access, Keys
from mmrank.serve.metrics import Metrics
from mmrank.serve.settings import ServeSettings

log = logging.getLogger("mmrank.serve")

SIGN_IN = "/ui/key"
"""Where a browser shows its key."""
STATIC = "/ui/static/"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", SIGN_IN})
"""Answered without a key, as what is static is: they say nothing of what collections hold."""
KEY_COOKIE = "mmrank_key"
"""Where a browser keeps its key; it is believed from the service's own pages alone."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOADS = frozenset({("POST", "/documents"), ("POST", "/ui/documents")})
MOST_CLIENTS = 10_000
"""Clients whose rate is remembered."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Guard:
    """Request ids, keys, hosts, rates, sizes, idle clients, the log and the metrics.

    Args:
        app: what it guards.
        settings: of the service.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._keys = None if settings.keys is None else Keys(settings.keys)
        self._rates = Rates(settings.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        client = _Client(scope, receive, send, request_id, self._settings)
        begun = time.perf_counter()
        with self._metrics.under_way():
            try:
                self._admit(scope, headers)
                await self._app(scope, client.receive, client.send)
            except ApiError as error:
                await client.refuse(error)
            except _ClientGoneError:
                pass  # the answer stays unfinished, and the connection is closed
            except asyncio.CancelledError:
                client.status = client.status or 499
                raise
            except Exception as error:
                if not isinstance(error, MmrankError):
                    log.exception("fault", extra={"fields": {"request_id": request_id}})
                await client.refuse(api_error(error))
            finally:
                self._note(scope, client, request_id, time.perf_counter() - begun)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        """Let a request pass, or raise what it is refused with."""
        access = Access()
        scope["state"]["access"] = Access(write=False, collections=())
        self._check_host(headers)
        self._check_origin(scope, headers)
        if scope["path"] not in OPEN_PATHS and not scope["path"].startswith(STATIC) and scope["method"] != "OPTIONS":
            if self._keys is not None:
                access = self._access(scope, headers)
            self._rates.check(access.name or (scope.get("client") or ("",))[0])
        elif self._keys is not None:
            access = Access(write=False, collections=())
        scope["state"]["access"] = access
        size = headers.get("content-length", "0")
        if (
            (scope["method"], scope["path"]) not in UPLOADS
            and size.isdigit()
            and int(size) > self._settings.largest_body
        ):
            raise too_large(self._settings.largest_body)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that are not the service's: a web page can point a name of its own at this machine."""
        if "*" in self._settings.hosts:
            return
        name = re.sub(r":\d*$", "", headers.get("host", "")).lower()
        if name not in self._settings.hosts:
            raise ApiError(421, "unknown_host", f"This service is not called {name[:80]!r}; see its setting `hosts`.")

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse what a web page of someone else has a browser send: browsers send forms and cookies to any address."""
        origin = headers.get("origin")
        if origin is None or scope["method"] in SAFE_METHODS or origin in self._settings.origins:
            return
        if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise ApiError(403, "foreign_page", "Web pages of other addresses may not call this; see `origins`.")

    def _access(self, scope: Scope, headers: Headers) -> Access:
        assert self._keys is not None
        shown = shown_key(headers)
        if (scope["path"] == "/" or scope["path"].startswith("/ui/")) and not (shown and self._keys.access(shown)):
            raise _sign_in(scope, headers)
        if shown is None:
            raise ApiError(401, "key_missing", "Show a key: Authorization: Bearer KEY.", {"WWW-Authenticate": "Bearer"})
        access = self._keys.access(shown)
        if access is None:
            raise ApiError(
                401, "key_unknown", "This key is not known; `mmrank keys list` says which are.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )  # fmt: skip
        return access

    def _note(self, scope: Scope, client: _Client, request_id: str, seconds: float) -> None:
        """One line of the log and the metrics. Neither has anything of what was asked or answered."""
        route = getattr(scope.get("route"), "path", "") or "none"
        status = client.status or 500
        self._metrics.note(scope["method"], route, status, seconds)
        log.info(
            "request",
            extra={
                "fields": {
                    "request_id": request_id,
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "milliseconds": round(1000 * seconds, 1),
                    "bytes": client.sent,
                    "key": scope["state"]["access"].name,
                }
            },
        )


def _sign_in(scope: Scope, headers: Headers) -> ApiError:
    """Where a browser that shows no known key is sent, and brought back from."""
    query = scope.get("query_string", b"").decode("latin-1")
    to = f"?{urlencode({'to': f'/?{query}'})}" if scope["path"] == "/" and query else ""
    if headers.get("hx-request") == "true":
        return ApiError(401, "key_missing", "Show a key.", {"HX-Redirect": SIGN_IN})
    return ApiError(303, "key_missing", "Show a key.", {"Location": f"{SIGN_IN}{to}"})


def shown_key(headers: Headers) -> str | None:
    """The key that a request shows: as a bearer token, or in the cookie of the service's page."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(KEY_COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie is not None and cookie.value else None


def too_large(most: int) -> ApiError:
    """What a request with too many bytes is told."""
    return ApiError(413, "too_large", f"The request is larger than the {most:,} bytes allowed.")


class Rates:
    """How many requests each client made of late: a bucket per client that fills with time.

    Args:
        per_minute: requests per client, 0 for any number.
        clock: seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Count a request.

        Raises:
            ApiError: when the client makes too many.
        """
        if not self._per_minute:
            return
        now = self._clock()
        left, since = self._left.pop(client, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * self._per_minute / 60)
        self._left[client] = (max(left - 1, 0.0) if left >= 1 else left, now)
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        if left < 1:
            wait = max(1, round((1 - left) * 60 / self._per_minute + 0.5))
            raise ApiError(
                429,
                "too_many_requests",
                f"More than {self._per_minute} requests per minute; wait {wait} s.",
                {"Retry-After": str(wait)},
            )


class _ClientGoneError(Exception):
    """The client reads nothing any more, or sends nothing any more."""


class _Client:
    """The two ways of one connection, counted and with limits."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, settings: ServeSettings) -> None:
        self._receive, self._send = receive, send
        self._request_id = request_id
        self._seconds = settings.idle_seconds
        upload = (scope["method"], scope["path"]) in UPLOADS
        self._most = settings.largest_upload * settings.most_files if upload else settings.largest_body
        self._taken = 0
        self._whole = False
        self._fault: ApiError | None = None
        self._replaced = False
        self.sent = 0
        self.status = 0

    async def receive(self) -> Message:
        """What the client sends, while it does not stop and it is not too much."""
        if self._whole:
            return await self._receive()  # waits until the client goes away
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds)
        except TimeoutError:
            self._fault = ApiError(408, "stopped_sending", f"Nothing came for {self._seconds:g} s.")
            raise self._fault from None
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._taken > self._most:
                self._fault = too_large(self._most)
                raise self._fault
        return message

    async def send(self, message: Message) -> None:
        """Send something, unless the client stopped reading."""
        if self._replaced:
            return
        fault, self._fault = self._fault, None
        if fault is not None and not self.status:
            await self.refuse(fault)
            self._replaced = True  # FastAPI answers that the body cannot be parsed
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
        else:
            self.sent += len(message.get("body", b""))
        try:
            await asyncio.wait_for(self._send(message), self._seconds)
        except TimeoutError as error:
            raise _ClientGoneError from error

    async def refuse(self, error: ApiError) -> None:
        """Answer with an error, if nothing was answered yet."""
        if self.status:
            raise error  # in the middle of an answer: the connection is closed, so that it is not taken for whole
        response: Callable[[Scope, Receive, Send], Awaitable[None]] = answer(error, self._request_id)
        await response({"type": "http"}, self._receive, self.send)


class JsonLines(logging.Formatter):
    """Log records as one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
