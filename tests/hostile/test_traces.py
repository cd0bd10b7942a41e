"""Nothing is left outside the collection and mmrank's own cache, and no library reports home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

QUIET = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
}

ALL_OF_IT = """
import mmrank
from mmrank import Collection
import onnxruntime, huggingface_hub, pymilvus
with Collection.open("c", read_only=True) as library:
    assert library.search("cranes", rerank="late-interaction")
"""


def picture_of_words(path: Path) -> Path:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(picture).text((20, 60), "Herons stand still", fill="black", font_size=48)
    picture.save(path)
    return path


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in QUIET and not name.startswith("XDG_")}
    (home / "tmp").mkdir(parents=True)
    return {**kept, "HOME": str(home), "MMRANK_CACHE": str(home / "cache"), "TMPDIR": str(home / "tmp")}


def left(home: Path) -> list[str]:
    found = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return [str(path) for path in found if path.parts[0] != "cache"]


def test_indexing_and_searching_leave_nothing_in_the_home_folder(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    variables = environment(home)
    scan = picture_of_words(work / "scan.png")
    (work / "notes.md").write_text("# Cranes\n\nCranes fly south in October.\n")
    commands = (
        ["-m", "mmrank", "index", "notes.md", str(scan), "-c", "c"],
        ["-m", "mmrank", "search", "When do cranes fly south?", "-c", "c", "--draw", "out"],
        ["-m", "mmrank", "show", str(scan), "--layout", "model"],
        ["-m", "mmrank", "doctor"],
        ["-c", ALL_OF_IT],
    )
    for arguments in commands:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=work, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert left(home) == [], arguments


def test_what_reports_home_is_off_before_anything_is_imported_and_in_workers(tmp_path: Path) -> None:
    program = (
        "import mmrank, os, subprocess, sys\n"
        f"names = {sorted(QUIET)!r}\n"
        "print([os.environ.get(n) for n in names])\n"
        "print(subprocess.run([sys.executable, '-c', f'import os; print([os.environ.get(n) for n in {names!r}])'],"
        " capture_output=True, text=True).stdout.strip())\n"
        "print([m for m in ('onnxruntime', 'huggingface_hub', 'ray') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    expected = str([QUIET[name] for name in sorted(QUIET)])
    assert done.stdout.splitlines() == [expected, expected, "[]"]
