"""The script that trains readers on a lent GPU: the pieces of a base model."""

from __future__ import annotations

import importlib.util
import json
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
