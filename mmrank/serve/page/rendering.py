"""Templates and the headers of what they become."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from mmrank.hits import NO_ANSWER
from mmrank.printable import printable
from mmrank.serve.page.address import ZOOMS, written_boxes
from mmrank.serve.page.answering import PAUSE
from mmrank.serve.page.views import plain

HERE = Path(__file__).parent
STATIC = {path.name: path for path in (HERE / "static").iterdir() if path.suffix in {".css", ".js", ".svg"}}
VERSION = hashlib.sha256(b"".join(path.read_bytes() for _, path in sorted(STATIC.items()))).hexdigest()[:12]
"""Stands in the addresses of what is static, so that a browser keeps no older one."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRESH = {
    **SAFE,
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, HX-Target",
}
KEPT = {**SAFE, "Cache-Control": "private, max-age=86400"}


def templates() -> jinja2.Environment:
    """The templates. All that they write is escaped, and freed of characters that hide or reorder text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str and value != PAUSE else value,
    )
    environment.globals |= {"VERSION": VERSION, "PAUSE": PAUSE, "NO_ANSWER": NO_ANSWER, "ZOOMS": ZOOMS}
    environment.filters |= {"boxes": written_boxes, "plain": plain}
    return environment


TEMPLATES = templates()
"""Read once; templates are code."""


def rendered(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """A template in the pieces between its pauses."""
    written: list[str] = []
    for text in TEMPLATES.get_template(template).generate(values):
        before, paused, after = text.partition(PAUSE)
        written.append(before)
        if paused:
            yield "".join(written)
            written = [after]
    yield "".join(written)
