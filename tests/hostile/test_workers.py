"""A file that takes over the process that reads it gains nothing, and no process outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmrank.ingest import IngestOptions, Outcome, read_documents
from mmrank.ingest.pipeline import LocalEngine
from mmrank.sandbox import confinement

LIARS = """
import json, os, sys
from pathlib import Path
from mmrank.ingest import worker

real = worker.Worker.perform
honest = worker.perform

def changed(body, change):
    document = json.loads(body)
    change(document)
    return json.dumps(document).encode()

LIES = {
    "id": lambda d: d.update(id="0" * 32),
    "name": lambda d: d.update(name="good.pdf"),
    "path": lambda d: d.update(path="/etc/passwd"),
    "picture": lambda d: d["passages"][0]["parts"].append(
        {"kind": "image", "text": "", "element_ids": [], "image": {"path": "/etc/passwd", "page": 0}}),
    "number": lambda d: d["pages"][0].update(page=7),
    "size": lambda d: d["pages"][0].update(width=float("inf")),
    "nan": lambda d: d["pages"][0]["elements"][0]["box"].update(x0=float("nan")),
    "infinity": lambda d: d["pages"][0]["elements"][0]["box"].update(x1=float("inf")),
    "passage": lambda d: d["passages"][0].update(document_id="0" * 32),
    "element": lambda d: d["passages"][0].update(element_ids=["p9e9"]),
    "section": lambda d: d.update(sections=[{"title": "a", "level": 1, "page": 0, "element_ids": [], "parent": 0}]),
    "handle": lambda d: d.update(handles={"figure 1": ["p9e9"]}),
    "metadata": lambda d: d.update(metadata={"title": "a" * 100000}),
    "none": lambda d: d.clear(),
}

def perform(self, task, body):
    header, result = real(self, task, body)
    name = Path(task["path"]).stem
    if name in LIES:
        return header, changed(result, LIES[name])
    if name == "deep":
        return header, b"[" * 100000 + b"]" * 100000
    if name == "nothing":
        return header, b""
    if name == "reason":
        return {"error": ["x"]}, b""
    if name == "elsewhere":
        return {"error": "good.pdf is broken"}, b""
    if name == "split":
        return {"split": True, "pages": 10**9, "metadata": {}}, b""
    return header, result

def answer(task, body, reply):
    name = Path(task["path"]).stem
    if name == "twice":
        honest(task, body, lambda h, b: (reply(h, b), "page" in h or reply(h, b)))
    elif name == "deepheader":
        os.write(TARGET(reply), b"[" * 100000 + b"\\n")
    elif name == "longheader":
        os.write(TARGET(reply), b"x" * 3000000)
    elif name == "pages":
        reply({"page": 3}, b""); reply({"page": 3}, b"")
    elif name == "page":
        reply({"page": True}, b"")
    elif name == "backwards":
        reply({"page": 5}, b""); reply({"page": 4}, b"")
    elif name == "silent":
        pass
    elif name == "half":
        os.write(TARGET(reply), b'{"size": 1000}\\n12')
    elif name == "endless":
        while True:
            os.write(TARGET(reply), b"x" * 60000)
    else:
        honest(task, body, reply)

def TARGET(reply):
    return dict(zip(reply.__code__.co_freevars, (c.cell_contents for c in reply.__closure__)))["target"]

worker.Worker.perform = perform
worker.perform = answer
worker.main()
"""
LIES = (
    "id name path picture number size nan infinity passage element section handle metadata none deep nothing reason "
    "split twice deepheader longheader pages page backwards silent half endless"
).split()

REACHING = """
import ctypes, json, os, signal, socket, subprocess, sys
from pathlib import Path
from mmrank.ingest import reading, worker

real = reading.read_pages
outside = Path(sys.argv[1])

def attempts():
    yield "file", lambda: (outside / "secret.txt").read_text()
    yield "folder", lambda: os.listdir(outside)
    yield "environment", lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()
    yield "write", lambda: (outside / "new.txt").write_text("x")
    yield "remove", lambda: (outside / "secret.txt").unlink()
    yield "mode", lambda: os.chmod(outside / "secret.txt", 0)
    yield "times", lambda: os.utime(outside / "secret.txt", (0, 0))
    yield "network", lambda: socket.socket()
    yield "name", lambda: socket.socket(socket.AF_UNIX)
    yield "program", lambda: os.execv("/bin/true", ["true"])
    yield "fork", os.fork
    yield "thread of its own", lambda: subprocess.Popen(["/bin/true"])
    yield "session", os.setsid
    yield "kill", lambda: os.kill(os.getppid(), 0)
    yield "group", lambda: os.kill(0, 0)

def read_pages(path, *rest):
    drafts = real(path, *rest)
    done = []
    for name, attempt in attempts():
        try:
            attempt()
        except (OSError, PermissionError):
            continue
        done.append(name)
    secrets = sorted(name for name in os.environ if "SECRET" in name)
    drafts[0].drafts[0].text = json.dumps([done, secrets])
    return drafts

reading.read_pages = read_pages
worker.main()
"""

FAMILY = """
import signal, sys, time
from pathlib import Path
from mmrank.ingest import IngestOptions, read_documents
from mmrank.ingest.pipeline import LocalEngine

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup leaves it ignored
engine = LocalEngine(1, [sys.executable, sys.argv[1]])
for outcome in read_documents([(Path(sys.argv[2]), "a.pdf")], options=IngestOptions(ocr=False), engine=engine):
    print(outcome.error)
"""

STUBBORN = """
import signal, time
from pathlib import Path
from mmrank.ingest import reading, worker

def read_pages(path, *rest):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
reading.read_pages = read_pages
worker.main()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


def outcomes(program: Path, files: list[Path], *arguments: str, workers: int = 1) -> dict[str, Outcome]:
    engine = LocalEngine(workers, [sys.executable, str(program), *arguments])
    named = [(file, file.name) for file in files]
    return {o.path.stem: o for o in read_documents(named, options=IngestOptions(ocr=False), engine=engine)}


def test_a_wrong_answer_costs_its_own_file_only(tmp_path: Path, make_good: Callable[..., None]) -> None:
    program = tmp_path / "liars.py"
    program.write_text(LIARS)
    files = []
    for name in [*LIES, "elsewhere", "good"]:
        files += [tmp_path / f"{name}.pdf", tmp_path / f"good-{name}.pdf"]
        make_good(files[-2], words=name)
        make_good(files[-1], words=f"after {name}")
    found = outcomes(program, files)
    for name in LIES:
        error = found[name].error or ""
        assert found[name].document is None, name
        assert error.startswith(str(tmp_path / f"{name}.pdf")), (name, error)
        assert len(error) < 600
        assert "Traceback" not in error
    for name in [*LIES, "elsewhere"]:
        document = found[f"good-{name}"].document
        assert document and f"after {name}" in document.passages[0].text, (name, found[f"good-{name}"].error)
    assert str(tmp_path / "elsewhere.pdf") in (found["elsewhere"].error or "")


@linux
def test_a_reading_process_reaches_nothing_but_its_file(
    tmp_path: Path, make_good: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if confinement.gaps():
        pytest.skip(str(confinement.gaps()))
    monkeypatch.setenv("SECRET_KEY", "hush")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("hush")
    program = tmp_path / "reaching.py"
    program.write_text(REACHING)
    make_good(tmp_path / "a.pdf")
    outcome = outcomes(program, [tmp_path / "a.pdf"], str(outside))["a"]
    assert outcome.document, outcome.error
    assert outcome.document.pages[0].elements[0].text == "[[], []]"
    assert (outside / "secret.txt").read_text() == "hush"


def running(word: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                word.encode() in (folder / "cmdline").read_bytes()
                and "State:\tZ" not in (folder / "status").read_text()
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(true: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.2)
    return False


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name)
def test_no_reading_process_outlives_its_parent(
    tmp_path: Path, make_good: Callable[..., None], number: signal.Signals
) -> None:
    stubborn, family = tmp_path / "stubborn.py", tmp_path / "family.py"
    stubborn.write_text(STUBBORN)
    family.write_text(FAMILY)
    make_good(tmp_path / "a.pdf")
    parent = subprocess.Popen([sys.executable, str(family), str(stubborn), str(tmp_path / "a.pdf")])
    try:
        # The parent, which names the program too, the template and its copy.
        assert wait_for(lambda: len(running(str(stubborn))) == 3)
        os.kill(parent.pid, number)
        parent.wait(timeout=30)
        assert wait_for(lambda: not running(str(stubborn)), 20)
    finally:
        parent.kill()
