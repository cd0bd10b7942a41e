"""A model server may answer anything: it is one sentence, in bounded time and memory, and goes nowhere else."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mmrank import InputError, MmrankError, Query
from mmrank.llm.http import LARGEST_ANSWER, ModelServer
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.protocol import Sampling, user
from mmrank.rerankers import load_reranker
from mmrank.types import Candidate, Part, PartKind

Answer = Callable[[socket.socket], None]


@contextmanager
def raw_server(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the beginnings of the requests it got; each connection is answered with raw bytes."""
    listening = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                got = b""
                while b"\r\n\r\n" not in got:
                    got += connection.recv(65536)
                head, _, body = got.partition(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                while len(body) < length:
                    body += connection.recv(65536)
                seen.append(head)
                answer(connection)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", seen
    finally:
        listening.close()


def answers(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return lambda connection: connection.sendall("\r\n".join(head).encode("latin-1") + body)


def endless(status: str = "200 OK", pause: float = 0.0, piece: bytes = b" " * 65536) -> Answer:
    def send(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return send


def ask(address: str, **settings: Any) -> Any:
    server = ModelServer(address, **{"retries": 1, "wait": 0.01, "timeout": 2.0, **settings})
    return OpenAIChat(server, "m").generate([[user("hello")]], Sampling(8))


def rerank(address: str, path: str = "rerank") -> Any:
    reranker = load_reranker(f"served:{address}#m", path=path, retries=0, wait=0.01, timeout=2.0)
    candidates = [Candidate(name, (Part(PartKind.TEXT, name, ()),), 0.0) for name in ("one", "two")]
    return reranker.rerank(Query("which?"), candidates)


@pytest.mark.parametrize("status", ["200 OK", "400 No", "503 Busy"])
def test_an_endless_answer_is_cut(status: str) -> None:
    with raw_server(endless(status)) as (address, _):
        tracemalloc.start()
        begun = time.monotonic()
        with pytest.raises(MmrankError, match="127"):
            ask(address)
        assert time.monotonic() - begun < 10
        assert tracemalloc.get_traced_memory()[1] < 6 * LARGEST_ANSWER
        tracemalloc.stop()


def test_an_answer_that_drips_ends_in_time() -> None:
    with raw_server(endless(pause=0.2, piece=b" ")) as (address, _):
        begun = time.monotonic()
        with pytest.raises(MmrankError, match="did not end"):
            ask(address, timeout=0.6)
        assert time.monotonic() - begun < 5


def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    with raw_server(answers(bomb, "200 OK", "Content-Encoding: gzip")) as (address, seen):
        with pytest.raises(MmrankError, match="packed"):
            ask(address)
        assert b"identity" in seen[0]


GOOD = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
USAGES: tuple[object, ...] = ([], ["x"], "x", 1, {"prompt_tokens": []}, {"prompt_tokens": "9"}, {"prompt_tokens": -1})
ODD = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'"text"',
    b"{}",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 100_000,
    b"\xff\xfe\x00",
    b"<html>",
    b"Infinity",
    b'{"choices": NaN}',
    b'{"choices": 1e999}',
    *(json.dumps({"choices": value}).encode() for value in ([], {}, [[]], [None], ["x"], [{"message": []}])),
    *(json.dumps({"choices": [{"message": {"content": value}}]}).encode() for value in (1, [], {}, None, True)),
    *(json.dumps({**GOOD, "usage": {"prompt_tokens": 10**400}}).encode() for _ in "1"),
    *(json.dumps({**GOOD, "usage": usage}).encode() for usage in USAGES if usage),
    b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": Infinity}}',
]


@pytest.mark.parametrize("body", ODD, ids=lambda body: repr(body[:60]))
def test_an_odd_answer_is_one_sentence(body: bytes) -> None:
    with raw_server(answers(body)) as (address, _):
        for use in (ask, rerank, lambda there: rerank(there, "score")):
            with pytest.raises(MmrankError) as caught:
                use(address)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
            assert "malformed" in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{}],
        "x",
        [{"index": 0, "relevance_score": 1}],
        [{"index": i, "relevance_score": 1e308 * 10} for i in range(2)],
        [{"index": "0", "relevance_score": "nan"}, {"index": 1, "relevance_score": 0}],
        [{"index": 1e999, "relevance_score": 0}] * 2,
        [{"index": -1, "relevance_score": 0}, {"index": 0, "relevance_score": 0}],
        [{"index": 10**30, "relevance_score": 10**400}],
        [{"index": None, "relevance_score": []}] * 2,
    ],
    ids=str,
)
def test_scores_that_are_none_are_refused(rows: object) -> None:
    body = json.dumps({"results": rows}).encode()
    with raw_server(answers(body)) as (address, _), pytest.raises(MmrankError, match="malformed"):
        rerank(address)


@pytest.mark.parametrize(
    "top", [[], {}, [{"token": "yes"}], [{"token": 1, "logprob": -1}], [{"token": "yes", "logprob": 9e9}]]
)
def test_probabilities_that_are_none_are_refused(top: object) -> None:
    body = json.dumps({"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}).encode()
    with raw_server(answers(body)) as (address, _), pytest.raises(MmrankError, match="malformed"):
        server = ModelServer(address, retries=0)
        OpenAIChat(server, "m").label_logits([[user("hello")]], ["yes", "no"])


def test_half_a_character_in_an_answer_does_no_harm() -> None:
    body = b'{"choices": [{"message": {"content": "a \\ud800 b"}}]}'
    with raw_server(answers(body)) as (address, _):
        assert ask(address)[0][0].text == "a ? b"


@pytest.mark.parametrize("wait", ["86400", "1e9", "inf", "1e999", "9" * 400])
def test_a_server_that_wants_ages_is_not_waited_for(wait: str) -> None:
    with raw_server(answers(b"", "503 Busy", f"Retry-After: {wait}")) as (address, seen):
        begun = time.monotonic()
        with pytest.raises(MmrankError, match="asks to wait"):
            ask(address)
        assert time.monotonic() - begun < 5 and len(seen) == 1


@pytest.mark.parametrize("wait", ["nan", "-5", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", "\xff"])
def test_a_wait_that_is_none_is_no_wait(wait: str) -> None:
    with raw_server(answers(b"", "503 Busy", f"Retry-After: {wait}")) as (address, seen):
        with pytest.raises(MmrankError, match="failed 2 times"):
            ask(address)
        assert len(seen) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with raw_server(answers(b"{}")) as (elsewhere, got):
        moved = answers(b"", f"{status} Moved", f"Location: {elsewhere}")
        with raw_server(moved) as (address, _), pytest.raises(MmrankError, match="redirects"):
            ask(address, key="secret")
        assert got == []


def test_a_refusal_is_quoted_safely_and_in_part() -> None:
    body = b"\x1b]0;owned\x07\n\nno\r\n" + "\u202eback\x9b".encode() + b"x" * 1_000_000
    with raw_server(answers(body, "401 No")) as (address, _), pytest.raises(MmrankError, match="refused") as caught:
        ask(address)
    said = str(caught.value)
    assert said.isprintable() and len(said) < 500


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-More: y\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
    ],
    ids=lambda answer: repr(answer[:40]),
)
def test_what_is_no_http_is_one_sentence(answer: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as (address, _):
        with pytest.raises(MmrankError) as caught:
            ask(address, timeout=1.0)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "https://:80/v1",
        "http://[::1",
        "http://[nonsense]/v1",
        "http://host:99999/v1",
        "http://host:-1/v1",
        "http://host:port/v1",
        "http://ho st/v1",
        "http://host\n/v1",
        "http://host\x00/v1",
        "http://host/\u202e",
        "http://" + "a" * 300 + "/v1",
        "http://%zz/v1",
        "http://..../v1",
        "http://xn--a/v1",
        "http://" + "x" * 100_000,
    ],
    ids=lambda address: repr(address[:30]),
)
def test_a_broken_address_is_one_sentence(address: str) -> None:
    with pytest.raises(MmrankError) as caught:
        ask(address, retries=0)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 900


@pytest.mark.parametrize("key", ["", "a b\n", "k\r\nX-Injected: 1", "schlüssel", "a\x00"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="key"):
        ModelServer("http://localhost/v1", key=key)


def test_passwords_in_an_address_are_not_shown() -> None:
    with pytest.raises(MmrankError) as caught:
        ask("http://user:hunter2@127.0.0.1:9/v1", retries=0)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE"])
def test_a_broken_environment_variable_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "nonsense://\x01")
    with pytest.raises(MmrankError) as caught:
        ask("http://127.0.0.1:9/v1", retries=0)
    assert "\n" not in str(caught.value)


def test_after_a_refusal_the_other_requests_are_not_begun() -> None:
    with raw_server(answers(b"no", "401 No")) as (address, seen):
        server = ModelServer(address, concurrency=2, retries=0)
        with pytest.raises(MmrankError, match="refused"):
            OpenAIChat(server, "m").generate([[user(str(i))] for i in range(200)], Sampling(8))
        assert len(seen) < 100
