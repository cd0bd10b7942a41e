"""What the documentation shows beside docs/: files of the repository, and the command line as it describes itself.

mkdocs calls the functions named `on_…` while it builds (mkdocs.yml, `hooks`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = "reference/command-line.md"
SHOWN = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    **{f"mmrank/weights/{card.name}": f"weights/{card.name}" for card in (ROOT / "mmrank/weights").glob("*.md")},
}
"""Files of the repository → the pages that show them."""
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of other files."""
    for source, page in SHOWN.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, COMMANDS, content=command_line()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between files of the repository lead to the pages that show them."""
    path = page.file.src_uri
    home = next((source for source, shown in SHOWN.items() if shown == path), f"docs/{path}")

    def led(match: re.Match[str]) -> str:
        target = match[1]
        if "://" in target:
            return target
        file = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
        shown = SHOWN.get(file, file.removeprefix("docs/"))
        return posixpath.relpath(shown, posixpath.dirname(path) or ".")

    return LINK.sub(led, markdown)


def on_post_build(config: Any) -> None:
    """Check llms.txt, which mkdocs copies without reading it.

    Raises:
        PluginError: when it links to a page that is not there.
    """
    site = Path(config.site_dir)
    missing = [link for link in LINK.findall((site / "llms.txt").read_text("utf-8")) if not (site / link).is_file()]
    if missing:
        raise PluginError(f"docs/llms.txt links to pages that are not there: {', '.join(missing)}")


def command_line() -> str:
    """The reference of the command line, in Markdown."""
    import typer

    from mmrank.cli.app import app

    lines = [
        "# Command line",
        "",
        "Made of the commands' own help. Exit codes: 0 done; 1 something failed, and the message says what; 2 the",
        "command makes no sense as it stands.",
    ]
    for path, command in _commands("mmrank", typer.main.get_command(app)):
        lines += ["", f"## {path}", "", *_paragraphs(command.help or "")]
        rows = [row for parameter in command.params if (row := _row(parameter))]
        if rows:
            lines += ["", "| argument or option | meaning | default |", "| --- | --- | --- |", *rows]
    return "\n".join(lines) + "\n"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", child)


def _paragraphs(text: str) -> list[str]:
    # \f ends the help of a command, \b keeps the lines of a paragraph.
    return [line.strip() for line in text.partition("\f")[0].replace("\b", "").splitlines()]


def _row(parameter: Any) -> str | None:
    if parameter.name == "help" or getattr(parameter, "hidden", False):
        return None
    is_option = parameter.param_type_name == "option"
    names = (
        ", ".join(f"`{name}`" for name in (parameter.opts + parameter.secondary_opts))
        if is_option
        else (f"`{parameter.name.upper()}`")
    )
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif default is None or default is False or callable(default) or default in ((), []) or default is ...:
        shown = ""
    else:
        shown = f"`{default}`"
    meaning = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    return f"| {names} | {meaning} | {shown} |"
