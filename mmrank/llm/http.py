"""Calls to a model server: concurrency, retries with jitter, timeouts and a budget of requests."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mmrank.errors import InputError, MmrankError, require

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class ModelServer:
    """One server that speaks JSON over HTTP.

    A request is tried again, after a wait that doubles and is drawn at random below that, when the server is busy or
    failing, does not answer in time, or answers with something that is not JSON. Other refusals are raised at once.

    Args:
        url: what stands before the path, e.g. "http://localhost:8000/v1".
        key: sent as a bearer token.
        concurrency: requests under way at the same time.
        timeout: seconds to wait for one answer.
        retries: further tries of a request that failed.
        wait: upper bound, in seconds, of the wait before the first retry.
        budget: requests that may be sent in all, retries included; None for no bound.
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
        self._httpx = require("httpx", "serve")
        self._client = self._httpx.Client(
            timeout=timeout,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=self._httpx.Limits(max_connections=concurrency),
        )
        self.url = url.rstrip("/")
        self._concurrency = concurrency
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
            read: turns the decoded answer into a value; a KeyError, IndexError, TypeError or ValueError says that the
                answer is malformed.

        Raises:
            MmrankError: when the server refuses, keeps failing, or the budget is spent.
        """
        fault = ""
        for attempt in range(self._retries + 1):
            self._spend()
            delay = self._wait * 2**attempt
            try:
                response = self._client.post(f"{self.url}/{path.lstrip('/')}", json=body)
            except self._httpx.TimeoutException:
                fault = "no answer in time"
            except self._httpx.TransportError as error:
                fault = f"no connection ({error})"
            else:
                if response.status_code == 200:
                    try:
                        return read(response.json())
                    except (KeyError, IndexError, TypeError, ValueError) as error:
                        fault = f"a malformed answer ({type(error).__name__}: {error})"
                elif response.status_code in RETRIED:
                    fault = f"status {response.status_code}"
                    delay = max(delay, _asked_wait(response.headers.get("retry-after")))
                else:
                    raise MmrankError(
                        f"{self.url}/{path} refused with status {response.status_code}: {response.text[:300]}"
                    )
            if attempt < self._retries:
                time.sleep(delay * random.uniform(0.5, 1.0))
        raise MmrankError(f"{self.url}/{path} failed {self._retries + 1} times, last: {fault}. Is the server up?")

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
        """Apply `work` to each item with the server's concurrency; results in the order of the items."""
        things: Sequence[Any] = list(items)
        with ThreadPoolExecutor(max_workers=min(self._concurrency, len(things)) or 1) as pool:
            return list(pool.map(work, things))

    def _spend(self) -> None:
        with self._lock:
            if self._budget is not None and self._sent >= self._budget:
                raise MmrankError(
                    f"the budget of {self._budget} requests to {self.url} is spent; allow more or rerank less"
                )
            self._sent += 1


def _asked_wait(header: str | None) -> float:
    """Seconds a server asks to wait, at most a minute; dates are not read."""
    try:
        return min(float(header or 0), 60.0)
    except ValueError:
        return 0.0
