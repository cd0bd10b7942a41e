"""Clients that stop, collections that go away, services that share: each has an answer, and nothing is lost."""

import asyncio
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from served import HERE, running, write_pdf

import mmrank
from mmrank.serve import ServeSettings, create_app
from mmrank.serve.guard import Guard
from mmrank.serve.lanes import Lane
from mmrank.serve.metrics import Metrics


def test_a_collection_that_is_removed_is_said_so_and_found_again_when_it_is_back(serve, library_path) -> None:
    client = serve()
    away = library_path.with_name("away")
    library_path.rename(away)
    answer = client.post("/search", json={"query": "ferry"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "collection_gone")
    assert client.get("/healthz").status_code == 200 and client.get("/readyz").status_code == 503
    away.rename(library_path)
    assert client.post("/search", json={"query": "ferry"}).json()["hits"][0]["document"] == "ferry.pdf"
    assert client.get("/readyz").status_code == 200


def test_another_collection_in_its_place_is_opened(serve, library_path, tmp_path) -> None:
    client = serve()
    shutil.rmtree(library_path)
    with mmrank.Collection.create(library_path) as other:
        other.add(write_pdf(tmp_path / "note.pdf", ["The lamp is green."]))
    assert client.post("/search", json={"query": "lamp"}).json()["hits"][0]["document"] == "note.pdf"


def test_two_services_over_one_collection_share_its_jobs(library_path, tmp_path) -> None:
    paper = write_pdf(tmp_path / "note.pdf", ["The lamp is green."]).read_bytes()
    with (
        TestClient(create_app({"library": library_path}), HERE) as one,
        TestClient(create_app({"library": library_path}), HERE) as other,
    ):
        job = one.post("/documents", files=[("files", ("note.pdf", paper))]).json()["id"]
        for _ in range(600):
            found = other.get(f"/jobs/{job}").json()
            if found["state"] == "done":
                break
            time.sleep(0.05)
        assert found["state"] == "done"
        for client in (one, other):
            assert client.post("/search", json={"query": "lamp"}).json()["hits"][0]["document"] == "note.pdf"


def guarded(app: Any, **settings: object) -> Guard:
    return Guard(app, ServeSettings(hosts=("*",), **settings), Metrics())  # type: ignore[arg-type]


def asked(path: str = "/", method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": list(headers), "client": ("1.2.3.4", 5)}


def test_a_client_that_never_reads_is_given_up() -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    taken = []

    async def send(message) -> None:
        taken.append(message)
        if len(taken) == 3:
            await asyncio.sleep(60)  # as when the buffers on the way to the client are full

    begun = time.monotonic()
    asyncio.run(guarded(app, idle_seconds=0.2)(asked(), None, send))  # type: ignore[arg-type]
    assert len(taken) == 3 and time.monotonic() - begun < 20


def test_a_client_that_stops_sending_is_told_so(made_library) -> None:
    settings = ServeSettings(read_only=True, idle_seconds=0.3)
    with running(create_app({"library": made_library}, settings)) as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port or 80)) as client:
            client.settimeout(20)
            client.sendall(
                b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            assert client.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_an_upload_whose_client_goes_away_keeps_nothing(library_path) -> None:
    with running(create_app({"library": library_path})) as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port or 80)) as client:
            client.sendall(
                b"POST /documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                b'Content-Length: 100000\r\n\r\n--x\r\nContent-Disposition: form-data; name="files";'
                b' filename="a.pdf"\r\n\r\n%PDF'
            )
            time.sleep(0.5)
        spool = Path(f"{library_path}.jobs") / "files"
        for _ in range(100):
            if spool.exists() and not list(spool.iterdir()):
                break
            time.sleep(0.05)
        assert not list(spool.iterdir()) and httpx.get(f"{url}/jobs").json() == []


def test_more_requests_than_may_wait_are_told_to_come_back() -> None:
    go_on = threading.Event()

    async def ask() -> None:
        lane = Lane("test", threads=1, waiting=1, seconds=20)
        first, second = (asyncio.create_task(lane.run(go_on.wait, 20)) for _ in range(2))
        await asyncio.sleep(0.05)
        with pytest.raises(mmrank.MmrankError, match="Too many requests"):
            await lane.run(print)
        go_on.set()
        assert await first and await second
        await asyncio.sleep(0.05)
        assert await lane.run(lambda: 1) == 1 and lane.held <= 1
        lane.close()

    asyncio.run(ask())


def test_what_takes_too_long_is_given_up_and_holds_its_thread_until_it_ends() -> None:
    go_on = threading.Event()

    async def ask() -> None:
        lane = Lane("test", threads=1, waiting=5, seconds=0.2)
        for work in (lambda: go_on.wait(20), lambda: None):  # the second does not get a thread in time
            with pytest.raises(mmrank.MmrankError, match=r"longer than 0\.2 s"):
                await lane.run(work)
        go_on.set()
        await asyncio.sleep(0.2)
        assert await lane.run(lambda: 1) == 1 and lane.held <= 1
        lane.close()

    asyncio.run(ask())
