"""Uploads: jobs, how far they are, what stops them, and what is left when something goes wrong."""

import errno
import json
import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import HERE, ended, leftovers, upload, write_pdf

import mmrank
from mmrank.serve import ServeSettings, create_app, runner
from mmrank.serve.jobs import MOST_TRIES, Jobs, Owner
from mmrank.serve.receiving import Received


@pytest.fixture
def lamp(tmp_path: Path) -> bytes:
    return write_pdf(tmp_path / "lamp.pdf", ["The green lamp burns for nine hundred hours."]).read_bytes()


def test_an_upload_is_read_in_a_job_and_then_found(serve, library_path, lamp) -> None:
    client = serve()
    answer = upload(client, ("lamps/green.pdf", lamp), ("note.md", b"# Oil\n\nThe oil is changed in May."))
    assert answer.status_code == 202 and answer.json()["state"] == "waiting"
    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"
    job = ended(client, answer.json()["id"])
    assert job["state"] == "done" and sorted(job["report"]["added"]) == ["lamps/green.pdf", "note.md"]
    assert job["progress"]["pages"] == job["progress"]["pages_expected"] == 2 == job["progress"]["files"]
    hits = client.post("/search", json={"query": "How long does the lamp burn?", "k": 1}).json()["hits"]
    assert hits[0]["document"] == "lamps/green.pdf"
    picture = client.get(f"/documents/{hits[0]['document_id']}/pages/1/picture")
    assert picture.status_code == 200 and not leftovers(library_path)
    assert [found["id"] for found in client.get("/jobs").json()] == [job["id"]]


def test_a_job_can_be_followed_to_its_end(serve, lamp) -> None:
    client = serve()
    job = upload(client, ("lamp.pdf", lamp)).json()["id"]
    with client.stream("GET", f"/jobs/{job}/events") as answer:
        blocks = answer.read().decode().strip().split("\n\n")
    states = [json.loads(block.split("\n")[1].removeprefix("data: "))["state"] for block in blocks]
    assert blocks[0].startswith("event: job\n") and states[-1] == "done"


def test_metadata_is_said_with_the_upload_and_corrected_later(serve, lamp) -> None:
    client = serve()
    ended(client, upload(client, ("lamp.pdf", lamp), metadata='{"author": "A. Smith"}').json()["id"])
    [found] = client.get("/documents", params={"where": "author=A. Smith"}).json()["documents"]
    changed = client.patch(f"/documents/{found['id']}", json={"metadata": {"title": "Lamps", "author": None}})
    assert changed.json()["title"] == "Lamps" and "author" not in changed.json()["metadata"]
    for metadata, status in (({"mmrank:given": "x"}, 400), ({"date": "soon"}, 400), ({"author": None}, 409)):
        assert client.patch(f"/documents/{found['id']}", json={"metadata": metadata}).status_code == status


def test_a_document_is_removed_with_the_file_that_was_uploaded(serve, library_path, lamp) -> None:
    client = serve()
    ended(client, upload(client, ("lamp.pdf", lamp)).json()["id"])
    stored = library_path.with_name("library.mmrank.files") / "lamp.pdf"
    [found] = client.get("/documents", params={"text": "lamp"}).json()["documents"]
    assert stored.is_file()
    assert client.delete(f"/documents/{found['id']}").json() == {"removed": ["lamp.pdf"]}
    assert not stored.exists() and client.get(f"/documents/{found['id']}").status_code == 404
    [ferry] = client.get("/documents", params={"text": "ferry"}).json()["documents"]
    with mmrank.Collection.open(library_path) as library:
        paper = Path(library.record("ferry.pdf").path)
    client.delete(f"/documents/{ferry['id']}")
    assert paper.is_file()


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("../../outside.pdf", 400, "bad_name"),
        ("/etc/outside.pdf", 400, "bad_name"),
        ("a\x1bb.pdf", 400, "bad_name"),
        ("x" * 300 + ".pdf", 400, "bad_name"),
    ],
)
def test_a_name_that_no_document_can_have_is_refused(serve, library_path, lamp, name, status, code) -> None:
    client = serve()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="'
        + name.encode()
        + b'"\r\n\r\n'
        + lamp
        + b"\r\n--x--\r\n"
    )
    answer = client.post("/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not leftovers(library_path) and client.get("/jobs").json() == []


def test_what_is_no_pdf_fails_with_its_reason_and_the_others_are_read(serve, library_path, lamp) -> None:
    client = serve()
    job = ended(client, upload(client, ("bad.pdf", b"no PDF at all"), ("lamp.pdf", lamp)).json()["id"])
    assert job["state"] == "done" and job["report"]["added"] == ["lamp.pdf"]
    assert "bad.pdf" in job["report"]["failed"]
    assert not (library_path.with_name("library.mmrank.files") / "bad.pdf").exists()


def test_a_kind_of_file_that_is_not_read_is_reported_and_the_others_are_read(serve, library_path, lamp) -> None:
    client = serve()
    job = ended(client, upload(client, ("run.exe", b"MZ"), ("lamp.pdf", lamp), ("a.pdf.meta.yaml", b"")).json()["id"])
    assert job["state"] == "done" and job["report"]["added"] == ["lamp.pdf"]
    assert job["report"]["failed"]["run.exe"] == "files with the suffix .exe are not read"
    alone = ended(client, upload(client, ("README", b"text")).json()["id"])
    assert alone["state"] == "failed" and list(alone["report"]["failed"]) == ["README"]
    assert not leftovers(library_path)


def test_a_replacement_that_cannot_be_read_leaves_the_document_as_it_was(serve, library_path, lamp) -> None:
    client = serve()
    ended(client, upload(client, ("lamp.pdf", lamp)).json()["id"])
    job = ended(client, upload(client, ("lamp.pdf", b"no PDF at all")).json()["id"])
    assert job["state"] == "failed"
    [found] = client.get("/documents", params={"text": "lamp"}).json()["documents"]
    assert client.get(f"/documents/{found['id']}/file").content == lamp
    newer = write_pdf(library_path.parent / "newer.pdf", ["The lamp is blue now."]).read_bytes()
    job = ended(client, upload(client, ("lamp.pdf", newer)).json()["id"])
    assert job["report"]["replaced"] == ["lamp.pdf"]
    [found] = client.get("/documents", params={"text": "lamp"}).json()["documents"]
    assert client.get(f"/documents/{found['id']}/file").content == newer


def test_a_file_that_is_too_large_is_refused_while_it_comes(serve, library_path, lamp) -> None:
    client = serve(largest_upload=1000, most_files=2)
    answer = upload(client, ("lamp.pdf", b"%PDF" + b"0" * 2000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    answer = upload(client, *[(f"{at}.txt", b"a") for at in range(3)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_files")
    assert not leftovers(library_path)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"files": []}', "application/json", 415, "no_form"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422, "no_files"),
        (b"garbage", "multipart/form-data; boundary=x", 400, "broken_form"),
        (
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n%PDF',
            "multipart/form-data; boundary=x",
            400,
            "upload_incomplete",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
            "invalid_request",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            400,
            "bad_input",
        ),
    ],
)
def test_a_form_that_is_none_or_stops_half_way_keeps_nothing(serve, library_path, body, kind, status, code) -> None:
    answer = serve().post("/documents", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not leftovers(library_path)


def test_a_full_disk_is_said_and_nothing_is_kept(serve, library_path, lamp, monkeypatch) -> None:
    def full(self, data, start, end):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Received, "_data", full)
    answer = upload(serve(), ("lamp.pdf", lamp))
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
    assert not leftovers(library_path)


def test_a_job_that_waits_or_is_read_can_be_cancelled(serve, library_path, lamp, monkeypatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    add = mmrank.Collection.add

    def slow(self, *sources, progress, **options):
        def step(now):
            begun.set()
            go_on.wait(20)
            progress(now)

        return add(self, *sources, progress=step, **options)

    monkeypatch.setattr(mmrank.Collection, "add", slow)
    client = serve()
    read, waits = (upload(client, (f"{name}.pdf", lamp)).json()["id"] for name in ("read", "waits"))
    assert begun.wait(20)
    assert client.get(f"/jobs/{read}").json()["state"] == "reading"
    assert client.post(f"/jobs/{waits}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/jobs/{read}/cancel").json()["state"] == "reading"
    go_on.set()
    assert ended(client, read)["state"] == "cancelled"
    assert client.get("/documents").json()["total"] == 3 and not leftovers(library_path)
    assert not list(library_path.with_name("library.mmrank.files").glob("*.pdf"))


def test_searches_are_answered_while_a_job_is_read(serve, lamp, monkeypatch) -> None:
    go_on = threading.Event()
    add = mmrank.Collection.add

    def slow(self, *sources, **options):
        go_on.wait(20)
        return add(self, *sources, **options)

    monkeypatch.setattr(mmrank.Collection, "add", slow)
    client = serve()
    job = upload(client, ("lamp.pdf", lamp)).json()["id"]
    assert client.post("/search", json={"query": "ferry"}).status_code == 200
    go_on.set()
    assert ended(client, job)["state"] == "done"


def test_a_job_waits_for_another_writer_of_the_collection(serve, library_path, lamp, monkeypatch) -> None:
    monkeypatch.setattr(runner, "WAIT_SECONDS", 0.1)
    client = serve(write_seconds=0.1)
    with mmrank.Collection.open(library_path) as library, library.store.write():
        job = upload(client, ("lamp.pdf", lamp)).json()["id"]
        time.sleep(1)
        assert client.get(f"/jobs/{job}").json()["state"] in {"waiting", "reading"}
        [ferry] = client.get("/documents", params={"text": "ferry"}).json()["documents"]
        answer = client.delete(f"/documents/{ferry['id']}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "collection_busy")
        assert answer.headers["retry-after"]
    assert ended(client, job)["state"] == "done"


def test_a_job_of_a_process_that_died_is_read_by_the_next(library_path, lamp) -> None:
    jobs = Jobs(library_path)
    job, spool = jobs.new_spool()
    (spool / "0").write_bytes(lamp)
    jobs.add(job, ["lamp.pdf"], {})
    dead = Owner()
    assert jobs.claim(dead) is not None
    assert jobs.claim(Owner()) is None, "one job of a collection is read at a time"
    for file in dead._held.values():
        file.close()  # as the end of a process does
    with TestClient(create_app({"library": library_path}), HERE) as client:
        assert ended(client, job)["state"] == "done"


def test_a_job_whose_processes_keep_dying_is_given_up(library_path) -> None:
    jobs = Jobs(library_path)
    job, _ = jobs.new_spool()
    jobs.add(job, ["lamp.pdf"], {})
    for _ in range(MOST_TRIES):
        dead = Owner()
        assert jobs.claim(dead) is not None
        for file in dead._held.values():
            file.close()
    assert jobs.claim(Owner()) is None
    found = jobs.get(job)
    assert found is not None and found.state == "failed" and "one by one" in (found.problem or "")


def test_a_service_that_ends_puts_back_what_it_reads(library_path, lamp, monkeypatch) -> None:
    begun = threading.Event()
    add = mmrank.Collection.add

    def slow(self, *sources, progress, **options):
        def step(now):
            begun.set()
            time.sleep(0.2)
            progress(now)

        return add(self, *sources, progress=step, **options)

    monkeypatch.setattr(mmrank.Collection, "add", slow)
    with TestClient(create_app({"library": library_path}), HERE) as client:
        job = upload(client, ("lamp.pdf", lamp)).json()["id"]
        assert begun.wait(20)
    found = Jobs(library_path).get(job)
    assert found is not None and (found.state, found.tries) == ("waiting", 0)
    monkeypatch.undo()
    with TestClient(create_app({"library": library_path}), HERE) as client:
        assert ended(client, job)["state"] == "done"


def test_a_key_for_reading_changes_nothing(made_library, client, tmp_path, lamp) -> None:
    from mmrank.serve.keys import Keys

    keys = Keys(tmp_path / "keys.json")
    shown = {"Authorization": f"Bearer {keys.add('reader')}"}
    with TestClient(
        create_app({"library": made_library}, ServeSettings(keys=keys.path)), HERE, headers=shown
    ) as reader:
        for made, code in ((reader, "key_reads_only"), (client, "read_only")):
            document = made.get("/documents").json()["documents"][0]["id"]
            for answer in (
                upload(made, ("lamp.pdf", lamp)),
                made.delete(f"/documents/{document}"),
                made.patch(f"/documents/{document}", json={"metadata": {"title": "x"}}),
            ):
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_a_job_that_does_not_exist_is_said_so(client) -> None:
    for answer in (client.get("/jobs/none"), client.post("/jobs/none/cancel"), client.get("/jobs/none/events")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_job")
