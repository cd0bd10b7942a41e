"""What Prometheus is told: counts and times of requests, and of jobs. Nothing of what was asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Of one application. Several worker processes share theirs by files in `PROMETHEUS_MULTIPROC_DIR`."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mmrank_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mmrank_request_seconds",
            "Time to the end of the answer",
            ("method", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._under_way = Gauge(
            "mmrank_requests_under_way",
            "Requests that are being answered",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._pages = Counter("mmrank_pages_added", "Pages of uploads that were read", registry=self._registry)
        self._jobs = Counter("mmrank_jobs", "Jobs that ended", ("state",), registry=self._registry)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request as being answered."""
        self._under_way.inc()
        try:
            yield
        finally:
            self._under_way.dec()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(method if method in METHODS else "other", route).observe(seconds)

    def job_ended(self, state: str, pages: int) -> None:
        """Count a job that ended."""
        self._jobs.labels(state).inc()
        self._pages.inc(pages)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
