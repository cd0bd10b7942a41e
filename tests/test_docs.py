"""The design of the code says what is true of the code."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


def test_the_layers_of_the_design_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    assert contract["type"] == "layers"
    layers = "\n".join(contract["layers"])
    assert f"```\n{layers}\n```" in DESIGN, f"docs/design.md should list these layers:\n{layers}"


def test_every_file_that_the_design_points_at_exists() -> None:
    paths = re.findall(r"`((?:mmrank|tests|tools|docs)/[\w./-]*)`", DESIGN)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
