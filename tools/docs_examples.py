"""Show the examples of docstrings as code.

Griffe, which reads the docstrings for the reference, takes `>>>` for a quotation unless a heading stands above it.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(>>> .*(?:\n(?!$).*)*)", re.MULTILINE)


class FencedExamples(griffe.Extension):
    """Puts a fence around each example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one docstring; griffe calls it for every object that it reads."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\1\n```", obj.docstring.value)
