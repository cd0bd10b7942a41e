"""What goes wrong between this machine and Milvus, in words: refused, out of reach, or passing."""

from __future__ import annotations

import re

from mmrank.printable import one_line

TOKEN = "MMRANK_MILVUS_TOKEN"
"""The environment variable with what a server asks for: "user:password", or an API key."""
REFUSALS = ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED")
"""Statuses of gRPC that stay the same however often a server is asked."""
_REFUSED = re.compile(r"auth|permission den|forbidden|credential", re.I)
_LATE = re.compile(r"deadline|timed? ?out|quota|exhausted", re.I)
_LOADING = re.compile(r"not (fully )?loaded", re.I)
_GONE = re.compile(r"fail connecting|refused|unavailable", re.I)
_FULL = re.compile(r"no space left|disk quota|disk is full", re.I)
_PASSING = re.compile(
    r"unavailable|not ready|not loaded|not available|no available|timeout|timed out|deadline|recover|abnormal|"
    r"not healthy|initializ|connect|offline|shard|channel|node not|not assigned|stopping|rate limit|not online|"
    r"service internal|proxy",
    re.I,
)
"""What errors say that pass when a server has started again."""
_HINTS = (
    (_LOADING, "; it has started lately and loads the collection: try again in a minute"),
    (_GONE, "; check whether it runs: where it ended, its log says why, such as a full disk"),
    (_LATE, "; it is busy, or the disk it writes to is full: its log says which"),
)
"""What to do about errors that say so."""


def failures() -> tuple[type[Exception], ...]:
    """The errors of the client and of what it rests on."""
    import grpc
    import pymilvus

    return (pymilvus.MilvusException, grpc.RpcError, grpc.FutureTimeoutError)


def is_refusal(error: BaseException) -> bool:
    """Whether a server does not let this user in, or knows nothing of what it is asked."""
    return _status(error)[0] in REFUSALS


def may_pass(error: BaseException, name: str) -> bool:
    """Whether a failure may pass, as those of a server that starts or of a network do.

    Args:
        error: what failed.
        name: of the collection, which stands in what the error says.
    """
    if is_refusal(error) or _FULL.search(str(error)):
        return False
    return not isinstance(error, failures()[0]) or _PASSING.search(str(error).replace(name, "")) is not None


def unreachable(uri: str, error: BaseException) -> str:
    """Why nothing can be done at an address."""
    status, said = _status(error)
    if status == "UNIMPLEMENTED":
        return f"what answers at {uri} is no Milvus, or one that mmrank does not know ({said})"
    if status in REFUSALS or _REFUSED.search(said):
        what = "does not let this user do so" if status == "PERMISSION_DENIED" else "does not let you in"
        return f"Milvus at {uri} {what} ({said}); set the environment variable {TOKEN} to user:password"
    return f"no Milvus answers at {uri} ({said}); check the address, and whether the server runs"


def failed(uri: str, what: str, error: BaseException) -> str:
    """Why a method of the client failed."""
    said = _status(error)[1]
    if is_refusal(error) or _REFUSED.search(said):
        return unreachable(uri, error)
    if _FULL.search(said):
        return (
            f"the disk of Milvus at {uri} is full: it could not {what.replace('_', ' ')} ({said}); make room there,"
            " start it again, and run this again"
        )
    hint = next((hint for words, hint in _HINTS if words.search(said)), "")
    return f"Milvus at {uri} could not {what.replace('_', ' ')} ({said}){hint}"


def _status(error: BaseException) -> tuple[str, str]:
    """The status of gRPC of an error or of what it came from, and what it says, on one line.

    The client says "fail connecting" also where the server said that the password is wrong.
    """
    said = getattr(error, "message", "") or str(error)
    each: BaseException | None = error
    passed: set[int] = set()
    while each is not None and id(each) not in passed:  # the client raises errors from themselves
        passed.add(id(each))
        code = getattr(each, "code", None)
        status = getattr(code(), "name", "") if callable(code) else ""
        if status:
            details = getattr(each, "details", None)
            if status in REFUSALS or each is error:
                said = str(details() if callable(details) else each)
            return status, one_line(said)
        each = each.__cause__ or each.__context__
    return "", one_line(said)
