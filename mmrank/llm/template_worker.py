"""Renders chat templates, line by line from standard input: a program of its own, run by `mmrank.llm.templates`.

A template is a program of whoever made the model: it may loop, multiply texts and ask for memory in ways that cannot be
told beforehand. So it runs here, where the time and the memory of each rendering are limited by the kernel.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

MEMORY = 512 << 20
"""Bytes of the whole process."""
SECONDS = 5
"""Processor time of one rendering."""
LONGEST = 8 << 20
"""Characters of a prompt; no model reads as many tokens."""


@lru_cache(maxsize=8)
def compiled(source: str) -> Any:
    """The template in a sandbox, with what the templates of transformers may use.

    Raises:
        jinja2.TemplateError: when it is none.
    """
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`, which marks what an assistant says, renders what is in it."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    def refuse(message: object) -> NoReturn:
        from jinja2 import TemplateError

        raise TemplateError(str(message))

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, **{"ensure_ascii": False, **options})
    environment.globals.update(raise_exception=refuse, strftime_now=lambda form: datetime.now().strftime(form))
    return environment.from_string(source)


def render(source: str, variables: dict[str, Any]) -> str:
    """The prompt.

    Raises:
        Exception: whatever the template brings about.
    """
    return str(compiled(source).render(**variables))


def main() -> None:
    """Answer each line {"template", "variables"} with {"text"} or {"error"}."""
    if sys.platform == "linux":  # elsewhere the kernel does not count so
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + SECONDS, resource.RLIM_INFINITY))
        try:
            asked = json.loads(line)
            text = render(asked["template"], asked["variables"])
            answer = {"text": text} if len(text) <= LONGEST else {"error": f"it writes {len(text):,} characters"}
        except MemoryError:
            answer = {"error": "it takes too much memory"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
