"""What the tests of the service serve, and where."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pymupdf

HERE = "http://localhost"

PAGES = {
    "ferry.pdf": [
        "The ferry to Anholt leaves at seven in the morning. A ticket costs 340 crowns.",
        "Bicycles travel for free. Dogs stay on the lower deck.",
    ],
    "harbour/cranes.pdf": ["The blue crane lifts ninety tonnes and was built in 1962."],
    "kitchen.pdf": ["The oven heats to 250 degrees. Bake the rye bread for fifty minutes."],
}


def write_pdf(path: Path, pages: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as file:
        for text in pages:
            file.new_page(width=300, height=200).insert_textbox((20, 20, 280, 180), text, fontsize=11)
        file.save(path)
    return path


@contextmanager
def running(app: Any) -> Iterator[str]:
    """The application behind a real port of this machine; gives its address."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=30)


def ended(client: Any, job: str) -> dict:
    """The job, once it has ended."""
    for _ in range(600):
        found = client.get(f"/jobs/{job}").json()
        if found["state"] in {"done", "failed", "cancelled"}:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def upload(client: Any, *files: tuple[str, bytes], **fields: str) -> Any:
    """Send files by their names."""
    return client.post("/documents", files=[("files", file) for file in files], data=fields)


def leftovers(library: Path) -> list[Path]:
    """What jobs left in the place where files arrive."""
    return list(library.with_name("library.mmrank.jobs").glob("files/*"))


class Started:
    """A service in processes of its own, on a free port."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "mmrank", "serve", *map(str, arguments), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.url = self.said.split()[-1] if self.said else ""

    def ready(self) -> None:
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("it did not start")

    def end(self) -> tuple[int, str]:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors
