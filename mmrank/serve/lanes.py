"""Work that blocks, done in threads: a bounded number at the same time, the others in the order of arrival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from mmrank.serve.errors import ApiError

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """Threads for one kind of work.

    A request whose client has gone, or whose time is up, gives up its place in the line; what has begun holds its
    thread until it ends, so that no more runs than there are threads.

    Args:
        name: of the threads.
        threads: how many.
        waiting: most requests that wait.
        seconds: longest time that one may take, waiting included.
    """

    def __init__(self, name: str, threads: int, waiting: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._seconds = seconds
        self.held = 0
        """Requests that wait or are worked on."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work in a thread.

        Raises:
            ApiError: when too many wait already, or it takes too long.
        """
        if self.held >= self._most:
            raise ApiError(503, "busy", "Too many requests are waiting; try again soon.", {"Retry-After": "1"})
        context = copy_context()
        future = self._threads.submit(lambda: context.run(work, *args, **kwargs))
        self.held += 1
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _call(loop, self._freed))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if future.done() and not future.cancelled():
                raise  # of the work itself
            raise ApiError(504, "too_slow", f"It took longer than {self._seconds:g} s and was given up.") from error

    async def each(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """The items of an iterator that blocks, each awaited in turn, so that others get theirs in between."""
        items = await self.run(make)
        end = object()
        while (item := await self.run(next, items, end)) is not end:
            yield item  # type: ignore[misc]

    def close(self) -> None:
        """End the threads once what runs has ended; what waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _freed(self) -> None:
        self.held -= 1


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what)
