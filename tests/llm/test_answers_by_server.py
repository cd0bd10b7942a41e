"""Answers by a real chat server: llama-cpp-python's, with SmolLM2, whole and stopping in mid-sentence."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import mmrank
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.protocol import Sampling, user
from mmrank.llm.streaming import BrokenAnswerError
from mmrank.query.understanding import FORM

NOTE = """# Fares

The adult fare to Lunna is 6.80 and the child fare is 3.40.

# Ferries

The Gannet carries 310 passengers between Arden and Lunna.
"""
TWO = "How much is the adult fare to Lunna, and how many passengers does the Gannet carry?"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> mmrank.Collection:
    folder = tmp_path_factory.mktemp("served")
    (folder / "ferries.md").write_text(NOTE, encoding="utf-8")
    library = mmrank.Collection.create(folder / "ferries.mmrank")
    library.add(folder / "ferries.md")
    return library


def chat_model(url: str) -> OpenAIChat:
    return OpenAIChat(ModelServer(url, retries=0), "smollm2", flavour="llama.cpp", context_tokens=2048)


@contextmanager
def cut_after(url: str, events: int) -> Iterator[str]:
    """A server that passes on so many pieces of another's answer, and then hangs up."""

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(
                url + self.path.removeprefix("/v1"), body, {"Content-Type": "application/json"}
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            seen = 0
            with urllib.request.urlopen(request) as answer:
                for line in answer:
                    seen += line.startswith(b"data:")
                    if seen > events:
                        return
                    self.wfile.write(line)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_is_held_to_the_form_writes_it(real_server: str) -> None:
    asked = 'Reply with JSON: {"question": …, "parts": [{"question": …, "intent": "look up"}]}. Question: ' + TWO
    [[written]] = chat_model(real_server).generate([[user(asked)]], Sampling(160, form=FORM))
    told = json.loads(written.text)
    assert set(told) == {"question", "parts"} and all(set(part) == {"question", "intent"} for part in told["parts"])


def test_what_a_small_model_makes_of_a_question_costs_no_answer(real_server: str, library: mmrank.Collection) -> None:
    """Its rewriting is taken where it keeps the facts; else rules do it and the trace says so."""
    answer = library.ask(TWO, understand=chat_model(real_server))
    assert "6.80" in answer.text
    steps = [step for step in answer.trace if step.name in {"rewrite", "decompose", "understand"}]
    assert steps, answer.trace


def test_each_sentence_that_is_given_is_supported_or_none_is(real_server: str, library: mmrank.Collection) -> None:
    stream = library.ask_stream("How much is the adult fare to Lunna?", model=chat_model(real_server))
    sentences = list(stream)
    answer = stream.answer
    assert answer.abstained == (not sentences)
    assert all(sentence.boxes for sentence in sentences)
    assert {"passages", "write", "check"} & {step.name for step in answer.trace}


def test_a_server_that_hangs_up_in_mid_sentence_is_told_from_one_that_is_done(real_server: str) -> None:
    with cut_after(real_server, 6) as url:
        pieces = []
        with pytest.raises(BrokenAnswerError, match="stopped in the middle"):
            for piece in chat_model(url).stream([user("Write three sentences about ferries.")], Sampling(60)):
                pieces.append(piece)
    assert "".join(pieces).strip()
