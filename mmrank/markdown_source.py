"""Markdown before it is laid out: front matter and the texts of pictures, which would be lost."""

from __future__ import annotations

import re

FRONT = re.compile(r"\A\ufeff?\s*(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
LONGEST = 20_000
"""Front matter is at most this long, in characters."""
_ENTRY = re.compile(r"^([A-Za-z][\w .-]{0,60}?)\s*[:=]\s*(.*)$")
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)")
_CODE = re.compile(r"(`+[^`\n]+`+)")
_PICTURE = re.compile(r"""!\[((?:[^\[\]\\]|\\.){1,500})\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])?""")
_IMG = re.compile(r"""<img\b[^>]*?\balt\s*=\s*(?:"([^"]{1,500})"|'([^']{1,500})')[^>]*>""", re.IGNORECASE)
_HEADING = re.compile(r"^\s{0,3}#\s+\S|^[^\s#>|-].*\n=+\s*$", re.MULTILINE)


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """The entries at the head of a Markdown text, between lines of `---` or `+++`, and the rest of the text.

    Values are plain texts; a list becomes its items with commas. Without entries the text is left as it is.

    >>> front_matter("---\\ntitle: Lamps\\ntags:\\n  - oil\\n  - gas\\n---\\n# One")
    ({'title': 'Lamps', 'tags': 'oil, gas'}, '# One')
    """
    head = FRONT.match(text)
    if not head or len(head[2]) > LONGEST:
        return {}, text
    entries: dict[str, str] = {}
    last = ""
    for line in head[2].splitlines():
        entry = _ENTRY.match(line)
        if entry:
            last = entry[1].strip()
            entries[last] = _value(entry[2])
        elif last and line.strip() and not line.lstrip().startswith("#"):
            more = _value(line.strip().removeprefix("- ").strip())
            joint = ", " if line.lstrip().startswith("- ") else " "
            entries[last] = joint.join(filter(None, [entries[last].strip("|> "), more]))
    return (entries, text[head.end() :]) if entries else ({}, text)


def prepared(text: str) -> str:
    """A Markdown text in which front matter is text, and pictures are the texts that describe them.

    A title of the front matter becomes a heading where the text has none of the first level.
    """
    entries, rest = front_matter(text)
    told = dict(entries)
    parts = []
    if not _HEADING.search(rest):
        title = next((told.pop(name) for name in list(told) if name.lower() == "title"), "")
        parts += [f"# {title}"] if title else []
    parts += [f"{name}: {value}" for name, value in told.items() if value]
    return "\n\n".join([*parts, _described(rest)])


def _value(text: str) -> str:
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        return ", ".join(_value(item) for item in text[1:-1].split(",") if item.strip())
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _described(text: str) -> str:
    """The text with its pictures as the texts that describe them, except in code."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1][:3]
        elif not fence and ("![" in line or "<img" in line.lower()):
            pieces = _CODE.split(line)
            line = "".join(piece if at % 2 else _said(piece) for at, piece in enumerate(pieces))
        lines.append(line)
    return "\n".join(lines)


def _said(text: str) -> str:
    return _IMG.sub(lambda found: found[1] or found[2], _PICTURE.sub(r"\1", text))
