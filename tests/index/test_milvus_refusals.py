"""Milvus servers that refuse, are full, or are something else: one sentence says so, and nothing here changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mmrank.errors import MmrankError
from mmrank.index import MilvusStore

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


def test_another_service_at_the_address_is_told_from_milvus(tmp_path, encoder):
    with answering(None) as uri, pytest.raises(MmrankError, match="is no Milvus"):
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    assert list(tmp_path.iterdir()) == []
