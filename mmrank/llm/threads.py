"""How many threads to start."""

from __future__ import annotations

import os


def idle_threads() -> int:
    """Cores that are idle at the moment, at least one, at most `OMP_NUM_THREADS` where that is set.

    Threads that share one operation wait for the slowest of them after each. On a core that another program uses as
    well that wait is longer than the work: with one thread too many llama.cpp writes 3 tokens a second instead of 60.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    idle = max(1, cores - round(load))
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(idle, int(allowed)) if allowed.isdigit() and int(allowed) else idle
