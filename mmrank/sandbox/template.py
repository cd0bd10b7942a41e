"""The process that is started once and performs each task in a process of its own.

Starting Python and its libraries takes a second; a copy of a process that has them takes some milliseconds. So a
template is started, loads what tasks need, and is copied for each task. A copy ends with its task: whatever a file
did to it is gone before the next file is read. The template parses nothing that a file holds. What a copy
writes is handed on as it is, in messages of kind "output"; a message of kind "ended" says that the copy is gone.
"""

from __future__ import annotations

import gc
import os
import selectors
import sys
from collections.abc import Callable
from typing import Any

from mmrank.sandbox.confinement import die_with_parent, end_with_pipe
from mmrank.sandbox.messages import Inbox, encoded, send

PARENT_PIPE = "MMRANK_PARENT_PIPE"
"""The environment variable with the descriptor of the pipe that closes when the parent ends."""

Reply = Callable[[dict[str, Any], bytes], None]
"""Sends a message to the parent."""


def serve(
    prepare: Callable[[dict[str, Any]], None],
    perform: Callable[[dict[str, Any], bytes, Reply], None],
    finish: Callable[[dict[str, Any]], None] = lambda task: None,
) -> None:
    """Perform tasks until standard input ends.

    What a library prints goes to standard error, so that it cannot be taken for an answer.

    Args:
        prepare: loads what a task needs, before it is performed: this is kept for later tasks.
        perform: performs a task and replies.
        finish: called once the process of a task is gone.
    """
    answers = os.dup(1)
    os.dup2(2, 1)
    if PARENT_PIPE in os.environ:
        end_with_pipe(int(os.environ[PARENT_PIPE]))
    tasks = Inbox(0)
    while (message := tasks.receive()) is not None:
        task, body = message
        prepare(task)
        if sys.platform == "linux":
            status = _perform_in_copy(task, body, perform, answers)
        else:
            status = 0
            send(answers, {"kind": "started"})
            perform(task, body, lambda header, body: send(answers, {"kind": "output"}, encoded(header, body)))
        finish(task)
        send(answers, {"kind": "ended", "status": status})


def _perform_in_copy(
    task: dict[str, Any], body: bytes, perform: Callable[[dict[str, Any], bytes, Reply], None], answers: int
) -> int:
    """Perform a task in a copy of this process; returns its exit code."""
    gc.collect()
    gc.freeze()
    source, target = os.pipe()
    template = os.getpid()
    copy = os.fork()
    if copy == 0:
        try:
            die_with_parent(template)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            for descriptor in (nothing, source, answers, int(os.environ.get(PARENT_PIPE, source))):
                if descriptor != target:
                    _close(descriptor)
            perform(task, body, lambda header, body: send(target, header, body))
        except BaseException:
            os._exit(70)
        os._exit(0)
    os.close(target)
    send(answers, {"kind": "started"})
    watched = os.pidfd_open(copy)
    try:
        _hand_on(source, watched, answers)
    finally:
        _, status = os.waitpid(copy, 0)
        for descriptor in (source, watched):
            os.close(descriptor)
    return os.waitstatus_to_exitcode(status)


def _hand_on(source: int, watched: int, answers: int) -> None:
    """Hand on what arrives at `source` until the copy has ended, whoever else holds the pipe."""
    os.set_blocking(source, False)
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        selector.register(watched, selectors.EVENT_READ)
        while True:
            ended = watched in {key.fd for key, _ in selector.select()}
            if not _drain(source, answers) and source in selector.get_map():
                selector.unregister(source)
            if ended:
                return


def _drain(source: int, answers: int) -> bool:
    """Hand on what has arrived; False at the end of the stream."""
    try:
        while data := os.read(source, 1 << 20):
            send(answers, {"kind": "output"}, data)
    except BlockingIOError:
        return True
    return False


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return
