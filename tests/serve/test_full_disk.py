"""A disk that fills while an upload is read: the job says so, nothing is lost, and the service goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import HERE, ended, leftovers, upload, write_pdf

import mmrank
from mmrank.index import Store, verify
from mmrank.serve import create_app, runner
from mmrank.serve.errors import ApiError
from mmrank.serve.jobs import Jobs


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs to mount a tmpfs, as root on Linux")
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=False)


def fill(disk: Path) -> None:
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass


def while_read(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = mmrank.Collection.add

    def filling(self, *sources, progress, **options):
        def step(now):
            fill(disk)
            progress(now)

        return add(self, *sources, progress=step, **options)

    monkeypatch.setattr(mmrank.Collection, "add", filling)


def at_the_commit(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Store.write

    def filling(self, *arguments, **options):
        fill(disk)
        return write(self, *arguments, **options)

    monkeypatch.setattr(Store, "write", filling)


def test_jobs_fail_with_a_sentence_and_the_service_goes_on(
    disk: Path, made_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = disk / "library.mmrank"
    subprocess.run(["cp", "-r", str(made_library), str(library)], check=True)
    lamp = write_pdf(tmp_path / "lamp.pdf", ["The green lamp burns for nine hundred hours."]).read_bytes()
    newer = write_pdf(tmp_path / "newer.pdf", ["The blue lamp burns for ten hours."]).read_bytes()
    with TestClient(create_app({"library": library}), HERE) as client:
        assert ended(client, upload(client, ("lamp.pdf", lamp)).json()["id"])["state"] == "done"
        for filled in (while_read, at_the_commit):
            with monkeypatch.context() as patch:
                filled(disk, patch)
                job = ended(client, upload(client, ("lamp.pdf", newer), ("more.md", b"More.")).json()["id"])
            assert job["state"] == "failed"
            assert re.search("No space left on device|disk of the service is full", job["problem"])
            assert str(disk) not in job["problem"]
            fill(disk)
            answer = client.post("/search", json={"query": "How long does the lamp burn?", "k": 1})
            assert "nine hundred" in answer.json()["hits"][0]["snippet"]
            assert (client.get("/documents").json()["total"], client.get("/healthz").status_code) == (4, 200)
            refused = upload(client, ("more.md", b"More." * 5000))
            assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
            [found] = client.get("/documents", params={"text": "lamp"}).json()["documents"]
            assert client.get(f"/documents/{found['id']}/file").content == lamp
            assert not leftovers(library)
            (disk / "ballast").unlink()
        again = ended(client, upload(client, ("lamp.pdf", newer)).json()["id"])
        assert again["state"] == "done" and again["report"]["replaced"] == ["lamp.pdf"]
    assert verify(library) == []


def test_how_a_job_ended_is_noted_once_it_can_be(library_path: Path, tmp_path: Path, monkeypatch) -> None:
    pdf = write_pdf(tmp_path / "lamp.pdf", ["The green lamp burns for nine hundred hours."]).read_bytes()
    end, refused = Jobs.end, []

    def refusing(self, *arguments):
        if len(refused) < 2:
            refused.append(arguments)
            raise ApiError(507, "disk_full", "full")
        end(self, *arguments)

    monkeypatch.setattr(Jobs, "end", refusing)
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.1)
    with TestClient(create_app({"library": library_path}), HERE) as client:
        first, second = (upload(client, (f"{name}.pdf", pdf)).json()["id"] for name in ("one", "two"))
        assert ended(client, first)["state"] == "done" == ended(client, second)["state"]
    assert len(refused) == 2
