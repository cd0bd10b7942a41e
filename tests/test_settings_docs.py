"""docs/settings.md says what the settings say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mmrank.config import Settings
from mmrank.llm.loading import ENGINES
from mmrank.rerankers.loading import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"


def make(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "make_settings_docs.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_page_is_what_the_settings_say() -> None:
    checked = make("--check")
    assert checked.returncode == 0, checked.stderr


def test_a_page_that_differs_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    assert make("--check", "--file", page).returncode == 1
    assert make("--file", page).returncode == 0
    assert make("--check", "--file", page).returncode == 0
    page.write_text(page.read_text(encoding="utf-8").replace("at least 1", "at least 2", 1), encoding="utf-8")
    differs = make("--check", "--file", page)
    assert differs.returncode == 1 and "run: python tools/make_settings_docs.py" in differs.stderr


def test_the_page_names_every_setting_and_variable() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"| `{name}`<br>`MMRANK_{name.upper()}` |" in text
    for entry in (*FAMILIES.values(), *ENGINES.values()):
        assert all(f"| `{name}` |" in text for name in entry.settings.model_fields)
    assert all(f"### {name}\n" in text for name in (*FAMILIES, *ENGINES))
