"""The service under load: 50 clients that search, uploads beside them, memory over 2,000 searches; and a plain loop.

    python benchmarks/serve.py                               the sample documents, 60 seconds
    python benchmarks/serve.py --collection library.mmrank   a copy of a collection of yours
    python benchmarks/serve.py --seconds 10 --searches 400   shorter

Questions are made of the collection's own headings. The loop calls `Collection.search` with the same questions in a
process of its own, one after the other, with nothing in between: what the service adds is what is beyond it. The loop
and the service are timed in the same run, the loop before and after, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

K = 5
TIMEOUT = 120.0


def percentile(seconds: list[float], share: float) -> float:
    """The time within which this share of them ended."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


def sample_collection(folder: Path) -> Path:
    """The sample documents, indexed."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
    from make_samples import make_samples

    from mmrank import Collection

    make_samples(folder / "samples")
    with Collection.create(folder / "library.mmrank") as library:
        library.add(folder / "samples")
    return folder / "library.mmrank"


def questions_of(path: Path, most: int = 200) -> list[str]:
    """Questions about what the documents' headings name."""
    from mmrank import Collection
    from mmrank.types import ElementKind

    found: dict[str, None] = {}
    with Collection.open(path, read_only=True) as library:
        for record in library.documents():
            headings = [
                element.text
                for page in library.document(record.id).pages
                for element in page.elements
                if element.kind in (ElementKind.HEADING, ElementKind.TITLE) and 5 < len(element.text) < 80
            ]
            found |= dict.fromkeys(f"What is said about {text}?" for text in headings[:10])
            if len(found) >= most:
                break
    return list(found)[:most]


def loop(path: Path, questions: list[str], count: int) -> list[float]:
    """Seconds of searches one after the other, without a service, in a process of their own."""
    program = (
        "import json, sys, time, mmrank\n"
        "path, count, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])\n"
        "questions = json.load(sys.stdin)\n"
        "with mmrank.Collection.open(path, read_only=True) as library:\n"
        "    for question in questions[:20]: library.search(question, k=k)\n"
        "    seconds = []\n"
        "    for at in range(count):\n"
        "        begun = time.perf_counter()\n"
        "        library.search(questions[at % len(questions)], k=k)\n"
        "        seconds.append(time.perf_counter() - begun)\n"
        "print(json.dumps(seconds))\n"
    )
    command = [sys.executable, "-c", program, str(path), str(count), str(K)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


@contextmanager
def service(path: Path, workers: int) -> Iterator[tuple[str, psutil.Process]]:
    """The service, as `mmrank serve` starts it, and its process."""
    command = [sys.executable, "-m", "mmrank", "serve", str(path), "--port", "0", "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        for _ in range(600):
            try:
                if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def memory(parent: psutil.Process) -> float:
    """Resident memory of the service and its workers, in MB; without those that read files and draw pages."""
    workers = [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]
    return sum(process.memory_info().rss for process in workers) / 1e6


async def ask(client: httpx.AsyncClient, question: str) -> tuple[float, bool]:
    """One search: seconds, and whether it was answered."""
    begun = time.perf_counter()
    try:
        answer = await client.post("/search", json={"query": question, "k": K})
        good = answer.status_code == 200
    except httpx.HTTPError:
        good = False
    return time.perf_counter() - begun, good


async def one_client(url: str, questions: list[str], count: int) -> list[float]:
    """Seconds of searches one after the other, by the service."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        asked = itertools.islice(itertools.cycle(questions), count + 20)
        return [(await ask(client, question))[0] for question in asked][20:]


async def many_clients(
    url: str, questions: list[str], clients: int, *, seconds: float = 0.0, count: int = 0
) -> tuple[list[float], int]:
    """Seconds of searches of many clients at the same time, for so long or so many, and how many failed."""
    times: list[float] = []
    failed = 0
    end = time.monotonic() + seconds
    numbers = itertools.count()

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal failed
        while (time.monotonic() < end) if seconds else (next(numbers) < count):
            spent, good = await ask(client, questions[next(at) % len(questions)])
            times.append(spent)
            failed += not good

    at = itertools.count()
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, limits=limits) as client:
        await asyncio.gather(*(work(client) for _ in range(clients)))
    return times, failed


async def upload_beside(url: str, stop: asyncio.Event) -> tuple[int, int]:
    """Upload small documents one after the other until told to stop; how many were read, and how many were not."""
    import pymupdf

    read = failed = 0
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        while not stop.is_set():
            with pymupdf.open() as file:
                for page in range(5):
                    file.new_page().insert_text((72, 72), f"Note {read}, page {page}: the valve is checked weekly.")
                data = file.tobytes()
            sent = await client.post("/documents", files={"files": (f"notes/{read}.pdf", data)})
            job = sent.json()
            while job.get("state") in ("waiting", "reading"):
                await asyncio.sleep(0.3)
                job = (await client.get(f"/jobs/{job['id']}")).json()
            read, failed = read + (job.get("state") == "done"), failed + (job.get("state") != "done")
    return read, failed


async def under_load(
    url: str, questions: list[str], clients: int, seconds: float
) -> tuple[list[float], int, tuple[int, int]]:
    """Many clients, with uploads beside."""
    stop = asyncio.Event()
    uploads = asyncio.create_task(upload_beside(url, stop))
    times, failed = await many_clients(url, questions, clients, seconds=seconds)
    stop.set()
    return times, failed, await uploads


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", type=Path, help="a collection; a copy of it is served")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load")
    parser.add_argument("--searches", type=int, default=2000, help="over which memory is watched")
    parser.add_argument("--single", type=int, default=100, help="searches of the single client and of the loop")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mmrank-serve-"))
    try:
        if arguments.collection is None:
            path = sample_collection(folder)
        else:
            path = folder / "library.mmrank"
            shutil.copytree(arguments.collection, path)
        run(path, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(path: Path, arguments: argparse.Namespace) -> None:
    """Time everything on one collection and print the ratios."""
    questions = questions_of(path)
    cores, clients = len(os.sched_getaffinity(0)), arguments.clients
    plain = loop(path, questions, arguments.single)
    with service(path, arguments.workers) as (url, parent):
        single = asyncio.run(one_client(url, questions, arguments.single))
        asyncio.run(many_clients(url, questions, clients, count=arguments.searches // 5))
        before = memory(parent)
        _, lost = asyncio.run(many_clients(url, questions, clients, count=arguments.searches))
        after = memory(parent)
        quiet, failed_quiet = asyncio.run(many_clients(url, questions, clients, seconds=arguments.seconds / 3))
        times, failed, (read, unread) = asyncio.run(under_load(url, questions, clients, arguments.seconds))
    plain += loop(path, questions, arguments.single)
    allowed = 3 * percentile(single, 0.95) * clients / cores
    loop_rate = 1 / statistics.mean(plain)
    rate = len(quiet) / (arguments.seconds / 3)
    for name, value in (
        ("loop", plain),
        ("one client", single),
        (f"{clients} clients", quiet),
        (f"{clients} clients, uploads beside", times),
    ):
        print(f"{name}: p50 {percentile(value, 0.5) * 1e3:.0f} ms, p95 {percentile(value, 0.95) * 1e3:.0f} ms")
    beside = len(times) / arguments.seconds
    print(f"searches per second: loop {loop_rate:.1f}, service {rate:.1f}, beside uploads {beside:.1f}")
    print(f"allowed p95 (3 × one client × {clients} clients / {cores} cores): {allowed * 1e3:.0f} ms")
    print(f"errors: {failed + failed_quiet + lost}; uploads: {read} read, {unread} not")
    print(f"memory: {before:.0f} MB, after {arguments.searches} more searches {after:.0f} MB")
    ratios = {
        "p95_over_allowed": percentile(times, 0.95) / allowed,
        "p95_single_over_loop": percentile(single, 0.95) / percentile(plain, 0.95),
        "throughput_vs_loop": rate / loop_rate,
        "memory_after_over_before": after / before,
        "errors": float(failed + failed_quiet + lost + unread),
    }
    print(json.dumps({"benchmark": "serve", "ratios": {name: round(value, 3) for name, value in ratios.items()}}))


if __name__ == "__main__":
    main()
