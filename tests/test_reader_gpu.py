"""The script that trains readers on a lent GPU: pieces of a base model, and time that is up."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "reader_gpu.py"


def test_pieces_are_put_together_only_if_they_are_what_was_packed(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("reader_gpu", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    whole = tmp_path / "model.gguf"
    whole.write_bytes(bytes(range(256)) * 10)
    script.pack(whole, tmp_path / "send", 1000)
    listed = json.loads((tmp_path / "send" / "pieces.json").read_text())
    assert b"".join((tmp_path / "send" / name).read_bytes() for name in listed["pieces"]) == whole.read_bytes()
    (tmp_path / "send" / "piece-01").write_bytes(b"other")
    with pytest.raises(SystemExit, match=r"are not model\.gguf: their hash differs"):
        script.joined(tmp_path / "send", tmp_path / "out")


@pytest.mark.slow
def test_arms_for_which_no_time_is_left_say_so(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    command = [sys.executable, SCRIPT, "run", "--variant", "small", "--device", "cpu", "--minutes", "0"]
    done = subprocess.run(
        [*command, "--out", tmp_path, "--arms", "untrained,cl"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["left out", "left out"]
    assert (tmp_path / "lines.jsonl").read_text() == done.stdout
