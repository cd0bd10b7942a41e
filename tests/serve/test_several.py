"""Several `mmrank serve` over one collection in Milvus, each as on a machine of its own.

Run with `pytest -m cluster`: a file of Milvus Lite belongs to one process, so this needs a server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")

from served import Started

from mmrank import Collection

pytestmark = pytest.mark.cluster
QUESTION = "How many cubic metres did the weir let pass?"


def note(number: int) -> tuple[str, bytes]:
    return f"week-{number}.md", f"# Week {number}\n\nThe weir let {number * 7} cubic metres pass.".encode()


def asked(url: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{url}/search", json={"query": QUESTION, "k": 50}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"]


def shown(hits: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(hit["document"], hit["page"], hit["boxes"], hit["snippet"], hit["reasoning"]) for hit in hits]


def uploaded(url: str, *files: tuple[str, bytes]) -> None:
    job = httpx.post(f"{url}/documents", files=[("files", file) for file in files], timeout=60).json()["id"]
    for _ in range(1200):
        found = httpx.get(f"{url}/jobs/{job}", timeout=60).json()
        if found["state"] in ("done", "failed", "cancelled"):
            assert found["state"] == "done", found
            return
        time.sleep(0.05)
    raise AssertionError(found)


@pytest.fixture
def servers(milvus_server, tmp_path, monkeypatch) -> Iterator[list[Started]]:
    """Three, and six documents."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    name = f"weir{time.time_ns()}"
    folders = [tmp_path / machine / "weir.mmrank" for machine in ("one", "two", "three")]
    with Collection.create(folders[0], store="milvus", uri=milvus_server.uri, name=name, index="FLAT") as library:
        assert library.add(*map(note, range(1, 7))).ok
    for folder in folders[1:]:
        Collection.open(folder, uri=milvus_server.uri, name=name).close()
    started = [Started(folder) for folder in folders]
    try:
        for each in started:
            each.ready()
        yield started
    finally:
        for each in started:
            each.end()


def test_servers_answer_alike_while_one_of_them_writes(servers):
    urls = [server.url for server in servers]
    seen: list[list[list[dict[str, Any]]]] = [[] for _ in urls]
    failures: list[BaseException] = []
    ended = threading.Event()

    def ask(at: int) -> None:
        try:
            while not ended.is_set():
                seen[at].append(asked(urls[at]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(urls))]
    for thread in threads:
        thread.start()
    states = [{f"week-{number}.md" for number in range(1, 7)}]
    try:
        for number in (7, 9, 11):
            uploaded(urls[0], note(number), note(number + 1))
            states.append(states[-1] | {f"week-{number}.md", f"week-{number + 1}.md"})
            answers = [shown(asked(url)) for url in urls]  # what was written is seen everywhere at once, and alike
            assert {hit[0] for hit in answers[0]} == states[-1]
            assert answers[0] == answers[1] == answers[2]
        gone = httpx.get(f"{urls[1]}/documents", params={"text": "week-12"}, timeout=60).json()["documents"][0]["id"]
        assert httpx.delete(f"{urls[0]}/documents/{gone}", timeout=60).status_code in (200, 204)
        states.append(states[-1] - {"week-12.md"})
        answers = [shown(asked(url)) for url in urls]
        assert {hit[0] for hit in answers[0]} == states[-1]
        assert answers[0] == answers[1] == answers[2]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures
    kept: dict[frozenset[str], list[tuple[Any, ...]]] = {}
    for answers in seen:
        assert len(answers) > 3
        order = [states.index({hit["document"] for hit in hits}) for hits in answers]  # each is a version, whole
        assert order == sorted(order)  # and none is taken back
        for hits in answers:
            documents = frozenset(hit["document"] for hit in hits)
            assert kept.setdefault(documents, shown(hits)) == shown(hits)
