"""A model server as vLLM is one: it speaks the schema, and refuses what exceeds its context or its limit on pictures.

It ranks by chance-like rules; what matters is what it accepts. Refusals are those of vLLM: status 400 with a message.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

PIXELS_PER_TOKEN = 28 * 28
NAMES = ("m", "i2vec/MM-R5", "reports", "rank-r1", "my-model", "Qwen/Qwen3-VL-Reranker-2B")


class StrictServer:
    """Models, chats, /rerank and /score."""

    def __init__(self, *, context: int, images: int, reports: bool = True) -> None:
        self.context, self.images, self.reports = context, images, reports
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.refusals: list[str] = []
        self.prompt_tokens: list[int] = []
        self.lock = threading.Lock()

    def get(self, path: str) -> dict[str, Any] | None:
        if path != "/v1/models" or not self.reports:
            return None
        return {
            "object": "list",
            "data": [{"id": "other", "max_model_len": 300}, *map(self._model, NAMES)],
        }

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "max_model_len": self.context}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(body.get("model"), str):
            raise ValueError("the request names no model")
        if path == "/v1/chat/completions":
            return self._chat(body)
        if path == "/v1/rerank":
            found = [self._pair(body["query"], one) for one in body["documents"]]
            rows = [{"index": i, "relevance_score": score} for i, (score, _) in enumerate(found)]
            return {"results": rows[::-1], "usage": {"total_tokens": sum(tokens for _, tokens in found)}}
        if path == "/v1/score":
            found = [self._pair(body["text_1"], one) for one in body["text_2"]]
            return {"data": [{"index": i, "score": score} for i, (score, _) in enumerate(found)], "usage": {}}
        raise ValueError(f"there is no {path}")

    def _pair(self, query: Any, document: Any) -> tuple[float, int]:
        tokens, images = 12, 0
        texts = []
        for side in (query, document):
            parts = [{"type": "text", "text": side}] if isinstance(side, str) else side["content"]
            text, more, pictures = self._count(parts)
            texts.append(text)
            tokens, images = tokens + more, images + pictures
        self._check(tokens, images, 0)
        asked, held = (set(re.findall(r"\w+", text.lower())) for text in texts)
        return len(asked & held) / (1 + len(asked)) + 0.5 * images, tokens

    def _count(self, parts: list[dict[str, Any]]) -> tuple[str, int, int]:
        text, tokens, images = "", 0, 0
        for part in parts:
            if part["type"] == "text":
                text += part["text"]
            elif part["type"] == "image_url":
                data = part["image_url"]["url"].removeprefix("data:image/png;base64,")
                width, height = Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size
                tokens += -(-width * height // PIXELS_PER_TOKEN) + 2
                images += 1
            else:
                raise ValueError(f"unknown type {part['type']!r}")
        return text, tokens + len(re.findall(r"\w+|[^\w\s]", text)), images

    def _check(self, tokens: int, images: int, more: int) -> None:
        with self.lock:
            self.prompt_tokens.append(tokens)
        if images > self.images:
            raise ValueError(f"At most {self.images} image(s) may be provided in one prompt.")
        if tokens + more > self.context:
            raise ValueError(
                f"This model's maximum context length is {self.context} tokens. However, you requested {tokens + more}"
                f" tokens ({tokens} in the messages, {more} in the completion)."
            )

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        messages, tokens, images, everything = body["messages"], 3, 0, ""
        for message in messages:
            if message["role"] not in ("system", "user", "assistant"):
                raise ValueError(f"unknown role {message['role']!r}")
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            text, more, pictures = self._count(parts)
            everything += text + "\n"
            tokens, images = tokens + more + 6, images + pictures
        continued = body.get("continue_final_message", False)
        if continued != (messages[-1]["role"] == "assistant") or (
            continued and body.get("add_generation_prompt", True)
        ):
            raise ValueError("the last message is the assistant's if it is to be continued, and only then")
        self._check(tokens, images, body["max_tokens"])
        choice: dict[str, Any] = {"message": {"role": "assistant"}, "finish_reason": "stop"}
        held = body.get("structured_outputs", {}).get("regex")
        if body.get("logprobs"):
            labels = ("1", "0") if "relevance:" in everything.lower()[-40:] else ("yes", "no")
            top = [{"token": label, "logprob": -0.1 - i - (tokens % 7) / 10} for i, label in enumerate(labels)]
            choice["logprobs"] = {"content": [{"token": labels[0], "logprob": -0.1, "top_logprobs": top}]}
            said = labels[0]
        elif held:
            said = written(held)
            if not re.fullmatch(held, said):
                raise AssertionError(held)
        else:
            said = (
                "Image 1: a circle.\nImage 2: nothing." if continued else "<think>[1] fits.</think><answer>[1]</answer>"
            )
        choice["message"]["content"] = said
        return {"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": 5}}


def written(form: str) -> str:
    """The last answer that a form allows: ids falling, or the last of several."""
    ids = re.search(r"\((\d+(?:\|\d+)*)\)", form)
    if ids is None:
        return re.sub(r"\\(.)", r"\1", form.strip("()").split("|")[-1])
    names = ids[1].split("|")
    separator = re.sub(r"\\(.)", r"\1", (re.search(r"\)\((.*?)\(", form) or ["", ""])[1])
    return separator.join(reversed(names)) + "]"


@contextmanager
def strict_server(*, context: int = 8192, images: int = 10, reports: bool = True) -> Iterator[StrictServer]:
    strict = StrictServer(context=context, images=images, reports=reports)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = strict.get(self.path)
            self._send(200 if found else 404, found or {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with strict.lock:
                strict.bodies.append(body)
            try:
                self._send(200, strict.post(self.path, body))
            except (ValueError, KeyError, TypeError) as error:
                with strict.lock:
                    strict.refusals.append(str(error))
                self._send(400, {"error": {"message": str(error), "code": 400}})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    strict.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield strict
    finally:
        server.shutdown()
        server.server_close()
