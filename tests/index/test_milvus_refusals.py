"""Milvus servers that refuse, are full, or are something else: one sentence says so, and nothing here changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from milvus_servers import MilvusProcess

from mmrank.errors import MmrankError
from mmrank.index import MilvusStore, milvus_failures, milvus_server

grpc = pytest.importorskip("grpc", reason="Milvus is an extra: pip install 'mmrank[scale]'")
pytest.importorskip("pymilvus", reason="Milvus is an extra: pip install 'mmrank[scale]'")


@contextmanager
def answering(answer: Callable[[str, object], None] | None) -> Iterator[str]:
    """A server of gRPC that calls `answer` with each method that is called and its context; the address."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            def handle(request, context):
                answer(details.method.rpartition("/")[2], context)
                return b""

            return None if answer is None else grpc.unary_unary_rpc_method_handler(handle)

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)


def test_a_wrong_password_is_named_at_once_and_not_shown(tmp_path, encoder, monkeypatch):
    """The client itself says no more than that it failed to connect."""
    monkeypatch.setenv("MMRANK_MILVUS_TOKEN", "root:a-secret")

    def refuse(_: str, context) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password")

    with answering(refuse) as uri, pytest.raises(MmrankError, match=r"let you in.*MMRANK_MILVUS_TOKEN") as raised:
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    assert "a-secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_user_who_may_not_is_told_so_at_once(tmp_path, encoder):
    def refuse(method: str, context) -> None:
        if method != "Connect":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "PrivilegeAll: permission deny to weak")

    said = r"does not let this user do so \(PrivilegeAll: permission deny to weak\)"
    with answering(refuse) as uri, pytest.raises(MmrankError, match=said):
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_its_own_cause_is_read_once():
    """As the client raises them."""
    error = ValueError("the lock is there with different parameters")
    error.__cause__ = error
    assert "could not create collection (the lock is there" in milvus_failures.failed("u", "create_collection", error)


def test_another_service_at_the_address_is_told_from_milvus(tmp_path, encoder):
    with answering(None) as uri, pytest.raises(MmrankError, match="is no Milvus"):
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_answers_too_late_may_have_a_full_disk(tmp_path, encoder, monkeypatch):
    """Milvus 2.3 does not say that its disk is full: it stops to answer."""
    monkeypatch.setattr(milvus_server, "READING", 1.0)

    def stop(method: str, context) -> None:
        if method != "Connect":
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    with answering(stop) as uri, pytest.raises(MmrankError, match=r"Deadline Exceeded.*disk it writes to is full"):
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_milvus_says_is_full_is_named_and_not_waited_for():
    """What Milvus 2.3.5 said with its data on a file system of 330 MB."""
    import pymilvus

    error = pymilvus.MilvusException(
        message="IO error: No space left on device: While appending to file: /data/rocksmq/000011.sst"
    )
    assert not milvus_failures.may_pass(error, "library")
    assert milvus_failures.failed("u", "insert", error).startswith(
        "the disk of Milvus at u is full: it could not insert"
    )


def test_a_server_that_has_ended_or_just_started_is_told_from_others():
    """What the client says of both, with Milvus 2.3.5."""
    import pymilvus

    ended = "Fail connecting to server on 127.0.0.1:45779, illegal connection params or server unavailable"
    loading = "failed to query: collection not loaded[collection=470763068004499490]"
    for said, hint in ((ended, "its log says why, such as a full disk"), (loading, "try again in a minute")):
        error = pymilvus.MilvusException(message=said)
        assert milvus_failures.may_pass(error, "library")
        assert milvus_failures.failed("u", "query", error).endswith(hint)


@pytest.mark.cluster
def test_a_server_with_passwords_lets_in_who_has_the_right_one(
    tmp_path, encoder, monkeypatch, make_document, vectors_of
):
    import pymilvus

    def token(value: str) -> None:
        monkeypatch.setenv("MMRANK_MILVUS_TOKEN", value)

    server = MilvusProcess(tmp_path / "server", authorised=True)
    try:
        for wrong in ("", "root:wrong", "nobody:secret"):
            token(wrong)
            with pytest.raises(MmrankError, match="does not let you in"):
                MilvusStore.create(tmp_path / "new", uri=server.uri, name="x", encoder=encoder)
            assert not (tmp_path / "new").exists()
        token("root:Milvus")
        with MilvusStore.create(tmp_path / "new", uri=server.uri, name="x", encoder=encoder, index="FLAT") as store:
            with store.write() as writer:
                writer.put(make_document("gnu", ["a gnu"]), vectors_of("gnu", 1), vectors_of("gnu", 1))
            client = pymilvus.MilvusClient(server.uri, token="root:Milvus")
            client.create_user("weak", "weak-password")
            client.update_password("root", "Milvus", "another-password")
            with pytest.raises(MmrankError, match="does not let you in"), store.write() as writer:
                writer.remove(make_document("gnu", []).id)
        for stored in (tmp_path / "new").rglob("*"):
            assert not stored.is_file() or b"Milvus" not in stored.read_bytes()
        token("weak:weak-password")
        with pytest.raises(MmrankError, match="does not let this user do so"):
            MilvusStore.open(tmp_path / "new")
        token("root:another-password")
        with MilvusStore.open(tmp_path / "new") as store:
            assert [record.title for record in store.snapshot().documents()] == [make_document("gnu", []).title]
    finally:
        server.stop()
