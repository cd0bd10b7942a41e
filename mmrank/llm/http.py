"""Calls to a model server: concurrency, retries with jitter, and bounds on time, bytes and requests."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from mmrank.errors import InputError, MmrankError, require
from mmrank.printable import one_line

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LARGEST_ANSWER = 16 << 20
"""Bytes of an answer; a score per candidate or some thousand tokens take a hundredth of it."""
LARGEST_REFUSAL = 4 << 10
"""Bytes that are read of a refusal; 300 characters of it are shown."""
LONGEST_WAIT = 60.0
"""Seconds between two tries. A server that asks for more is not asked again."""

MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading an answer of another shape raises."""


class _FaultError(Exception):
    """A passing fault: the request may be tried again, after the wait that the server asked for, in seconds."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


class ModelServer:
    """One server that speaks JSON over HTTP.

    A request is tried again, after a wait that doubles and is drawn at random below that, when the server is busy or
    failing, does not answer in time, or answers with something that is not JSON or is too large. Other refusals are
    raised at once, and redirects are not followed: what is sent goes to the address that was named.

    Args:
        url: what stands before the path, e.g. "http://localhost:8000/v1".
        key: sent as a bearer token.
        concurrency: requests under way at the same time.
        timeout: seconds to wait for one answer.
        retries: further tries of a request that failed.
        wait: upper bound, in seconds, of the wait before the first retry.
        budget: requests that may be sent in all, retries included; None for no bound.

    Raises:
        InputError: for a broken address or key.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        concurrency: int = 8,
        timeout: float = 120.0,
        retries: int = 4,
        wait: float = 0.5,
        budget: int | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"{url!r} is not the address of a server; it begins with http:// or https://")
        if concurrency < 1 or retries < 0:
            raise InputError("concurrency must be at least 1 and retries at least 0")
        if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key and key):
            raise InputError("the key of a server is printable ASCII without blanks around it")
        self._httpx = require("httpx", "serve")
        self._tenacity = require("tenacity", "serve")
        self._url = self._address(url)
        try:
            self._client = self._httpx.Client(
                timeout=timeout,
                # Nothing is unpacked: what arrives is what is counted.
                headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
                limits=self._httpx.Limits(max_connections=concurrency),
                follow_redirects=False,
            )
        except Exception as error:  # proxies and certificates that environment variables name
            raise InputError(
                f"no connection can be prepared: {one_line(error)}; look at HTTP_PROXY, SSL_CERT_FILE …"
            ) from error
        self.url = str(self._url.copy_with(userinfo=b"")).rstrip("/")
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = retries
        self._wait = wait
        self._budget = budget
        self._sent = 0
        self._lock = threading.Lock()

    @property
    def sent(self) -> int:
        """Requests sent so far, retries included."""
        return self._sent

    def post(self, path: str, body: Mapping[str, Any], read: Callable[[Any], Any]) -> Any:
        """Send one request and read its answer.

        Args:
            path: below the server's address.
            body: sent as JSON.
            read: turns the decoded answer into a value; one of `MALFORMED` says that the answer is malformed.

        Raises:
            MmrankError: when the server refuses, keeps failing, or the budget is spent.
        """
        tries = self._tenacity.Retrying(
            stop=self._tenacity.stop_after_attempt(self._retries + 1),
            retry=self._tenacity.retry_if_exception_type(_FaultError),
            wait=self._delay,
            reraise=True,
        )
        try:
            return tries(self._once, path.lstrip("/"), json.dumps(body).encode(), read)
        except _FaultError as fault:
            raise MmrankError(
                f"{self.url}/{path} failed {self._retries + 1} times, last: {fault}. Is the server up?"
            ) from fault

    def ask(self, path: str) -> Any:
        """What the server says of itself at a path, decoded; None where it says nothing. Counts for no budget.

        Args:
            path: below the server's address; "../name" lies beside its last part.
        """
        base = str(self._url).rstrip("/")
        address = f"{base.rpartition('/')[0]}/{path[3:]}" if path.startswith("../") else f"{base}/{path}"
        try:
            with self._client.stream("GET", address, timeout=min(self._timeout, 10.0)) as response:
                if response.status_code != 200:
                    return None
                return json.loads(self._body(response, LARGEST_ANSWER), parse_constant=_no_number)
        except (*MALFORMED, self._httpx.HTTPError, self._httpx.InvalidURL, _FaultError):
            return None

    def post_for_lines(self, path: str, body: Mapping[str, Any]) -> Iterator[str]:
        """Send one request and give the lines of its answer as they come. It is not tried again.

        Raises:
            MmrankError: when the server refuses, cannot be reached, stops in the middle, or the budget is spent.
        """
        self._spend()
        try:
            with self._client.stream("POST", f"{self.url}/{path.lstrip('/')}", json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise MmrankError(
                        f"{self.url}/{path} refused with status {response.status_code}: {response.text[:300]}"
                    )
                yield from response.iter_lines()
        except self._httpx.TimeoutException as error:
            raise MmrankError(f"{self.url}/{path} gave no answer in time. Is the server up?") from error
        except self._httpx.TransportError as error:
            raise MmrankError(f"{self.url}/{path}: no connection ({error}). Is the server up?") from error

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Apply `work` to each item with the server's concurrency; results in the order of the items.

        After the first that fails no other is begun.
        """
        things: Sequence[Any] = list(items)
        with ThreadPoolExecutor(max_workers=min(self._concurrency, len(things)) or 1) as pool:
            waiting = [pool.submit(work, thing) for thing in things]
            try:
                return [one.result() for one in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _address(self, url: str) -> Any:
        shown = one_line(url)
        try:
            address = self._httpx.URL(url)
            broken = not address.host or not url.isprintable() or any(map(str.isspace, url)) or address.port == 0
        except (self._httpx.InvalidURL, ValueError, TypeError) as error:
            raise InputError(f"{shown!r} is not the address of a server: {one_line(error)}") from error
        if broken:
            raise InputError(f"{shown!r} is not the address of a server; write it as http://host:port/v1")
        return address

    def _once(self, path: str, body: bytes, read: Callable[[Any], Any]) -> Any:
        self._spend()
        address = f"{str(self._url).rstrip('/')}/{path}"
        try:
            with self._client.stream(
                "POST", address, content=body, headers={"Content-Type": "application/json"}
            ) as response:
                if response.status_code != 200:
                    self._refused(response, path)
                data = self._body(response, LARGEST_ANSWER)
        except self._httpx.TimeoutException as error:
            raise _FaultError("no answer in time") from error
        except (self._httpx.TransportError, self._httpx.DecodingError) as error:
            raise _FaultError(f"no connection ({one_line(error)})") from error
        except (self._httpx.InvalidURL, UnicodeError) as error:
            raise InputError(f"{self.url}/{path} is not the address of a server: {one_line(error)}") from error
        try:
            return read(json.loads(data, parse_constant=_no_number))
        except MALFORMED as error:
            raise _FaultError(f"a malformed answer ({type(error).__name__}: {one_line(error, 120)})") from error

    def _body(self, response: Any, most: int) -> bytes:
        """The answer's bytes, at most `most`, in time."""
        begun, pieces, size = time.monotonic(), [], 0
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _FaultError("an answer that is packed, which was not asked for")
        for piece in response.iter_raw():
            size += len(piece)
            if size > most:
                raise _FaultError(f"an answer of more than {most >> 20} MiB")
            if time.monotonic() - begun > self._timeout:
                raise _FaultError(f"an answer that did not end in {self._timeout:g} s")
            pieces.append(piece)
        return b"".join(pieces)

    def _refused(self, response: Any, path: str) -> NoReturn:
        status = response.status_code
        wait = _asked_wait(response.headers.get("retry-after"))
        if status in RETRIED and wait <= LONGEST_WAIT:
            raise _FaultError(f"status {status}", wait)
        if status in RETRIED:
            raise MmrankError(f"{self.url}/{path} is busy (status {status}) and asks to wait {wait:.0f} s; try later")
        if response.is_redirect:
            place = one_line(response.headers.get("location", ""), 120)
            raise MmrankError(
                f"{self.url}/{path} redirects to {place!r} (status {status}), which is not followed; name the right"
                " address"
            )
        said = b""
        try:
            for piece in response.iter_raw():
                said += piece
                if len(said) >= LARGEST_REFUSAL:
                    break
        except self._httpx.TransportError:
            pass  # the status says enough
        what = one_line(said[:LARGEST_REFUSAL].decode(errors="replace"))
        raise MmrankError(f"{self.url}/{path} refused with status {status}: {what}")

    def _delay(self, state: Any) -> float:
        """Seconds before the next try: drawn below a bound that doubles, or what the server asked for."""
        bound = min(self._wait * 2 ** min(state.attempt_number - 1, 20), LONGEST_WAIT)
        return max(bound * random.uniform(0.5, 1.0), state.outcome.exception().wait)

    def _spend(self) -> None:
        with self._lock:
            if self._budget is not None and self._sent >= self._budget:
                raise MmrankError(
                    f"the budget of {self._budget} requests to {self.url} is spent; allow more or rerank less"
                )
            self._sent += 1


def token_count(body: Any, name: str) -> int:
    """A count of `usage`, which says what an answer cost; 0 where a server says nothing.

    Raises:
        ValueError: when it is no count.
    """
    usage = body.get("usage") or {}
    count = usage.get(name)
    if count is None:
        return 0
    if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count < 1 << 40:
        raise ValueError(f"{name} is {one_line(count, 40)}")
    return int(count)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _asked_wait(header: str | None) -> float:
    """Seconds a server asks to wait; dates are not read."""
    try:
        seconds = float(header or 0)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)
