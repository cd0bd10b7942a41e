"""What docs/rerankers.md says is true: each row, each command line against a server with limits, each prompt."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
from strict_server import strict_server
from typer.testing import CliRunner

from mmrank.cli.app import app
from mmrank.rerankers import FAMILIES, load_reranker
from mmrank.rerankers.loading import sections_of
from mmrank.rerankers.profiles import known, names, read_profile
from mmrank.setting_models import check_settings

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "rerankers.md").read_text(encoding="utf-8")
LINES = re.findall(r"^mmrank rerank .*$", TEXT, re.MULTILINE)
SERVED = [line for line in LINES if "localhost:8000" in line]
CALLS = re.findall(r"^(?:\w+ = )?load_reranker\((.*)\)$", TEXT, re.MULTILINE)


def row(first: str) -> str:
    found = re.search(rf"^\| `{re.escape(first)}` \|.*$", TEXT, re.MULTILINE)
    assert found, f"the tables lack {first}"
    return found[0]


def test_every_family_and_every_prompt_has_its_row() -> None:
    assert all(row(family) for family in FAMILIES)
    for name, (_, profile) in known().items():
        cells = row(name)
        assert f"| `{profile.family}` |" in cells
        given = {key: value.strip("`") for key, value in re.findall(r"`(\w+)=([^`]+)`", cells)}
        assert given == {key: str(value) for key, value in profile.settings.items()}
    described = {found for family in ("pointwise", "setwise", "listwise") for found in names(family)}
    assert all(f"`{name}`" in TEXT or f"prompt={name}" in TEXT for name in described)


def test_the_prompt_file_that_is_shown_is_one(tmp_path: Path) -> None:
    [written] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "card.yaml"
    path.write_text(written, encoding="utf-8")
    assert read_profile(path, "pointwise").settings == {"max_pixels": 1310720}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions with ten pages as pictures, and with ten passages."""
    import pymupdf

    folder = tmp_path_factory.mktemp("documented")
    with pymupdf.open() as file:
        for number in range(10):
            file.new_page(width=400, height=560).insert_text((40, 40), f"Page {number}")
        for number in range(10):
            file[number].get_pixmap().save(folder / f"{number}.png")
    pages = [{"id": f"p{i}", "picture": str(folder / f"{i}.png"), "score": 1 - i / 10} for i in range(10)]
    passages = [
        {"id": f"t{i}", "text": f"{i} net sales in 2019 were 1,234.5 " * 90, "score": 1 - i / 10} for i in range(10)
    ]
    for name, candidates in (("pages", pages), ("passages", passages)):
        asked = {"query": "net sales in 2019", "candidates": candidates}
        (folder / f"{name}.jsonl").write_text(json.dumps(asked) + "\n")
    return folder


@pytest.mark.parametrize("context", [8_192, 4_096])
@pytest.mark.parametrize("line", SERVED)
def test_each_documented_command_works_with_a_server_that_has_limits(
    line: str, context: int, folder: Path, tmp_path: Path
) -> None:
    words = shlex.split(line)[1:]
    shown = "pages" if re.search("MM-R5|VL-Reranker", line) else "passages"
    limit = re.search(r"max_images=(\d+)", line)
    out = tmp_path / "ranking.jsonl"
    with strict_server(context=context, images=int(limit[1]) if limit else 10) as server:
        swap = {"candidates.jsonl": str(folder / f"{shown}.jsonl"), "ranking.jsonl": str(out)}
        words = [swap.get(word, word).replace("http://localhost:8000/v1", server.url) for word in words]
        done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert server.refusals == [] and server.bodies
    ranked = json.loads(out.read_text().splitlines()[0])
    assert len(ranked["candidates"]) == 10 and "unusable answers: 0" in done.output


def test_servers_are_documented() -> None:
    assert len(SERVED) >= 6 and len(CALLS) >= 5


@pytest.mark.parametrize("call", CALLS)
def test_each_documented_call_takes_its_settings(call: str) -> None:
    made = ast.parse(f"f({call})", mode="eval").body
    assert isinstance(made, ast.Call)
    name = ast.literal_eval(made.args[0])
    settings = {str(given.arg): ast.literal_eval(given.value) for given in made.keywords}
    check_settings(name, sections_of(name, settings), settings)
    if "http" in name:
        assert load_reranker(name, **settings).name
