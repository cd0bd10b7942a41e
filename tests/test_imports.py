"""The modules of mmrank import each other in one direction, also inside functions and for type checkers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mmrank

ROOT = Path(mmrank.__file__).parent

Graph = Mapping[str, set[str]]
"""Module → the modules it imports."""


def module_files(root: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name; a package stands for its `__init__.py`."""
    files = {}
    for file in root.rglob("*.py"):
        parts = (root.name, *file.relative_to(root).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def import_graph(root: Path) -> Graph:
    """All imports between the modules of a package: at the top, inside functions and under TYPE_CHECKING.

    A name imported from a package counts as an import of the module that defines it: a package's `__init__.py` only
    passes names on, so importing from it is no circle.
    """
    files = module_files(root)
    trees = {name: ast.parse(file.read_text("utf-8")) for name, file in files.items()}
    exported = {name: dict(_bindings(trees[name])) for name, file in files.items() if file.name == "__init__.py"}

    def home(module: str, name: str) -> str | None:
        """The module that `from module import name` depends on; None outside the package."""
        if f"{module}.{name}" in files:
            return f"{module}.{name}"
        if module in exported and name in exported[module]:
            return home(*exported[module][name])
        return module if module in files else None

    graph: dict[str, set[str]] = {name: set() for name in files}
    for importer, tree in trees.items():
        for node in ast.walk(tree):
            found: list[str | None] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names if alias.name in files]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                assert node.level == 0, f"{files[importer]}, line {node.lineno}: name the whole package"
                found = [home(node.module, alias.name) for alias in node.names]
            graph[importer].update(name for name in found if name is not None and name != importer)
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules of which each reaches every other (strongly connected components), by Tarjan's algorithm."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        path.append(module)
        for other in graph[module]:
            if other not in numbers:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in path:
                lowest[module] = min(lowest[module], numbers[other])
        if lowest[module] == numbers[module]:
            group = path[path.index(module) :]
            del path[path.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in graph:
        if module not in numbers:
            visit(module)
    return sorted(found)


def _bindings(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """Names that an `__init__.py` passes on, each with the module and the name it comes from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def test_no_modules_import_each_other() -> None:
    assert circles(import_graph(ROOT)) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from demo.b import x", [["demo.a", "demo.b"]]),
        ("def f():\n    from demo.b import x", [["demo.a", "demo.b"]]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import demo.b", [["demo.a", "demo.b"]]),
        ("from demo import x", [["demo.a", "demo.b"]]),  # passed on by the package
        ("from demo import other", []),
        ("import json", []),
    ],
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, source: str, expected: list[list[str]]) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / "__init__.py").write_text("from demo.b import x\nfrom demo.other import other\n")
    (root / "a.py").write_text(source)
    (root / "b.py").write_text("import demo.a\nx = 1\n")
    (root / "other.py").write_text("other = 1\n")
    assert circles(import_graph(root)) == expected
