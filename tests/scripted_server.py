"""A small HTTP server that speaks /chat/completions, /rerank and /score, and fails when told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ScriptedServer:
    """Scores a text by how many words it shares with the query; `faults` are acted out first, one a request.

    A fault is a status, "malformed" (no JSON), "empty" (JSON of another shape) or a number of seconds to dawdle.
    """

    def __init__(self) -> None:
        self.faults: list[int | float | str] = []
        self.headers: dict[str, str] = {}
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.busy = 0
        self.most_busy = 0
        self.pause = 0.0
        self.url = ""
        self.lock = threading.Lock()


def overlap(query: str, text: str) -> float:
    asked, held = set(query.lower().split()), set(text.lower().split())
    return len(asked & held) / max(len(asked), 1)


def _reply(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path.endswith("/rerank"):
        scores = [overlap(body["query"], text) for text in body["documents"]]
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        return {
            "results": [{"index": i, "relevance_score": scores[i]} for i in order],
            "usage": {"total_tokens": 7},
        }
    if path.endswith("/score"):
        scores = [overlap(body["text_1"], text) for text in body["text_2"]]
        return {"data": [{"index": i, "score": score} for i, score in enumerate(scores)], "usage": {"total_tokens": 5}}
    said = "yes" if body.get("max_tokens") == 1 else f"answer {body.get('seed')}"
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    if body.get("logprobs"):
        top = [
            {"token": "yes", "logprob": -0.5},
            {"token": " yes", "logprob": -1.0},
            {"token": "maybe", "logprob": -3.0},
        ]
        choice["logprobs"] = {"content": [{"token": "yes", "logprob": -0.5, "top_logprobs": top}]}
    return {"choices": [choice], "usage": {"prompt_tokens": 11, "completion_tokens": 2}}


@contextmanager
def running() -> Iterator[ScriptedServer]:
    script = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with script.lock:
                script.bodies.append(body)
                script.authorizations.append(self.headers.get("Authorization"))
                fault = script.faults.pop(0) if script.faults else None
                script.busy += 1
                script.most_busy = max(script.most_busy, script.busy)
            time.sleep(script.pause)
            with script.lock:  # before the answer: a client that has it may ask again at once
                script.busy -= 1
            self._act(body, fault)

        def _act(self, body: dict[str, Any], fault: object) -> None:
            status, data = 200, json.dumps(_reply(self.path, body)).encode()
            if isinstance(fault, float):
                time.sleep(fault)
            elif isinstance(fault, int):
                status, data = fault, b'{"error": "told to fail"}'
            elif fault == "malformed":
                data = b"<html>not json"
            elif fault == "empty":
                data = b"{}"
            try:
                self.send_response(status)
                for name, value in script.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
