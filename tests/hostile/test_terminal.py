"""What others wrote never acts on the terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from mmrank import InputError, MmrankError, Query
from mmrank.cli.output import CleanConsole
from mmrank.index import Filter
from mmrank.printable import escaped_json, one_line, printable

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)]))
UNSEEN = "\u200b\u2028\u2029\u2060\ufeff\ufff9\ufffa\ufffb\U000e0001\U000e0041"
ATTACKS = (
    "\x1b]0;owned\x07title",
    "\x1b[2J\x1b[Hcleared",
    "\x9b2Jcleared",
    "\x9d0;owned\x9ctitle",
    "safe\rHARM",
    "abc\b\b\bxyz",
    "invoice\u202efdp.exe",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "half \udc9b\udcff name",
    "".join(map(chr, range(0xE0061, 0xE007B))),
)
FORBIDDEN = set(CONTROLS + BIDI + UNSEEN) - {"\n", "\t"}


def harmless(shown: str) -> bool:
    return not FORBIDDEN & set(shown) and not any(0xD800 <= ord(c) < 0xE000 or ord(c) >= 0xE0000 for c in shown)


def on_a_console(thing: object, **options: object) -> str:
    kept = io.StringIO()
    CleanConsole(file=kept, width=60, markup=False, emoji=False, **options).print(thing)  # type: ignore[arg-type]
    return kept.getvalue()


@pytest.mark.parametrize("attack", [*ATTACKS, CONTROLS, BIDI, UNSEEN])
def test_nothing_that_is_printed_acts(attack: str) -> None:
    table = Table(attack, title=attack, caption=attack)
    table.add_row(Text(attack, style="bold"))
    for thing in (attack, Text(attack, style="red"), table):
        assert harmless(on_a_console(thing))


def test_a_terminal_still_gets_its_colours_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = on_a_console(Text("\x1b[5mblink", style="bold"), force_terminal=True, color_system="standard")
    assert shown == "\x1b[1m[5mblink\x1b[0m\n"


def test_tables_stay_aligned_where_something_was_removed() -> None:
    table = Table("a", "b")
    table.add_row("\x1b\u202e\u200bx", "y")
    table.add_row("x", "y")
    assert len({len(line) for line in on_a_console(table).splitlines()}) == 1


def test_an_error_quotes_names_safely_wherever_it_is_shown() -> None:
    for attack in ATTACKS:
        assert harmless(str(MmrankError(f"{attack} is no PDF"))) and harmless(str(InputError(attack)))


def test_writing_of_all_languages_is_printed_as_it_is() -> None:
    text = "naïve – Ελλάδα – 日本語 – क्ष – می‌خواهم – 👩‍👩‍👧 – שלום – tab\tand\nline"
    assert printable(text) == text


def test_a_sentence_of_a_library_becomes_one_line() -> None:
    assert one_line("first\r\n\x1b[1msecond\u2028third") == "first [1msecond third"
    assert len(one_line("long " * 1_000_000)) == 300


def test_json_says_the_same_and_is_safe() -> None:
    text = "".join(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0xE0041, 0x1F600)) + "é\udcff"
    written = escaped_json(json.dumps({"name": text}, ensure_ascii=False))
    assert json.loads(written) == {"name": text}
    assert harmless(written)
    written.encode()


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800"])
def test_bytes_that_are_no_text_are_refused_by_name(text: str) -> None:
    for make in (
        lambda: Query(text),
        lambda: Filter(folder=text),
        lambda: Filter(names=(text,)),
        lambda: Filter(metadata={"author": text}),
        lambda: Filter(metadata={text: "Smith"}),
    ):
        with pytest.raises(InputError, match="no text"):
            make()


def test_commands_print_a_hostile_collection_safely(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a\x1b]0;owned\x07\u202eb.md").write_text("# Title \x9b2J\u202e\n\nCranes \x1b[31m fly\u2066 south.\n")

    def run(*arguments: bytes | str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mmrank", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("index", "in", "-c", "c").returncode == 0
    name = json.loads(run("show", "-c", "c", "--json").stdout)["documents"][0]["name"]
    asked = (
        ("search", "cranes", "-c", "c"),
        ("search", "cranes", "-c", "c", "--json"),
        ("show", "-c", "c"),
        ("show", name, "-c", "c"),
        ("show", name, "-c", "c", "--page", "1"),
        ("show", "a\x1b]0;owned\x07", "-c", "c"),
        ("remove", name, "-c", "c"),
    )
    for arguments in asked:
        done = run(*arguments)
        assert harmless(done.stdout + done.stderr), arguments
        assert "Traceback" not in done.stderr
    for arguments in ((b"search", b"caf\xe9", b"-c", b"c"), (b"search", b"x", b"-c", b"c", b"--where", b"a=\xff")):
        done = run(*arguments)
        assert done.returncode == 2 and "no text" in done.stderr and "Traceback" not in done.stderr
