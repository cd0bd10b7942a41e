"""Chat templates: rendered in a process of their own, with limits on time and memory, and without secrets."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError
from mmrank.llm import template_worker
from mmrank.printable import one_line

PATIENCE = 30.0
"""Seconds by the clock, on a busy machine, for what is limited to a few seconds of processor time."""
LARGEST = 1 << 20
"""Characters of a template; those of real models have some thousand."""

OUR_OWN = frozenset(
    {
        "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788",
    }
)
"""SHA-256 of the templates of the embedded model, which are rendered here: nobody else wrote them."""


class ChatTemplate:
    """The chat template of one model.

    Args:
        source: Jinja, as transformers and llama.cpp read it.
        name: of the model, for errors.
        tokens: special tokens by the names that templates use, such as "bos_token".
    """

    def __init__(self, source: object, *, name: str, tokens: Mapping[str, object]) -> None:
        if not isinstance(source, str) or not source:
            raise MmrankError(f"{name} has no chat template; use an instruction-tuned model")
        if len(source) > LARGEST:
            raise MmrankError(f"the chat template of {name} has {len(source):,} characters; no model needs as many")
        self._source = source
        self._name = name
        self._tokens = {key: str(value) for key, value in tokens.items()}
        self._ours = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest() in OUR_OWN

    def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The prompt up to where the answer begins.

        Args:
            messages: role and content each.

        Raises:
            MmrankError: when the template is broken, or takes too much time, memory or text.
        """
        variables: dict[str, Any] = {
            **self._tokens,
            "messages": list(messages),
            "add_generation_prompt": True,
            "tools": None,
            "documents": None,
        }
        if self._ours:
            return template_worker.render(self._source, variables)
        answer = _WORKER.ask({"template": self._source, "variables": variables})
        if "text" not in answer:
            raise MmrankError(f"the chat template of {self._name} cannot be used: {one_line(answer.get('error', ''))}")
        return str(answer["text"])


class _Worker:
    """The process that renders, begun when it is first needed, and again after it was stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._begun()
            process = self._process
            assert process.stdin is not None and process.stdout is not None
            watch = threading.Timer(PATIENCE, process.kill)
            watch.start()
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
                answer = json.loads(line)
                return answer if isinstance(answer, dict) else {}
            except (OSError, ValueError):  # it was stopped by a limit
                self.close()
                return {"error": "it takes too much time or memory"}
            finally:
                watch.cancel()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):  # what was not sent yet
                        stream.close()
            self._process = None

    def _begun(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
        path = os.pathsep.join(part for part in sys.path if part and Path(part).exists())
        return subprocess.Popen(
            [sys.executable, "-P", template_worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, "PYTHONPATH": path, "PYTHONUTF8": "1"},
        )


_WORKER = _Worker()
atexit.register(_WORKER.close)
