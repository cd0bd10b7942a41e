"""What is installed, and what importing it costs."""

import json
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_mmrank_loads_no_heavy_library(tmp_path: Path) -> None:
    heavy = run(
        "-c",
        "import mmrank, sys\n"
        "print(sorted({'torch', 'faiss', 'pymupdf', 'transformers', 'pydantic'} & set(sys.modules)))",
        cwd=tmp_path,
    )
    assert heavy.strip() == "[]"


def test_importing_mmrank_is_quick(tmp_path: Path) -> None:
    seconds = run(
        "-c",
        "import time; start = time.perf_counter(); import mmrank; print(time.perf_counter() - start)",
        cwd=tmp_path,
    )
    assert float(seconds) < 0.3


def test_an_unknown_name_is_an_attribute_error() -> None:
    import mmrank

    with pytest.raises(AttributeError, match="nonsense"):
        _ = mmrank.nonsense


def test_every_public_name_can_be_had() -> None:
    import mmrank

    for name in mmrank.__all__:
        assert getattr(mmrank, name) is not None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of what is committed, built from a checkout without symbolic links, as one on Windows is."""
    folder = tmp_path_factory.mktemp("wheel")
    clone = ["git", "clone", "-q", "-c", "core.symlinks=false", str(ROOT), str(folder / "checkout")]
    done = subprocess.run(clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("ingest", "index", "train"):
        link = folder / "checkout" / name
        assert link.is_file() and not link.is_symlink()
    run("-m", "build", "--wheel", "--outdir", str(folder), str(folder / "checkout"), cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    run("-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(wheel), cwd=folder)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_mmrank_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"mmrank"}
    assert any(name.startswith("mmrank/weights/") and name.endswith(".safetensors") for name in names)


@pytest.mark.slow
def test_the_wheel_carries_the_version_of_the_package_and_the_licence(wheel: Path) -> None:
    import mmrank

    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (licence,) = (name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        header = message_from_bytes(archive.read(metadata))
        text = archive.read(licence)
    assert header["Version"] == mmrank.__version__
    assert header["License-Expression"] == "AGPL-3.0-or-later"
    assert text == (ROOT / "LICENSE").read_bytes()


def test_the_version_stands_in_one_place() -> None:
    import mmrank

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "version" in project["dynamic"]
    assert "version" not in project
    assert mmrank.__version__ not in citation


def test_the_entry_of_the_registry_is_of_this_version() -> None:
    import mmrank

    entry = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    (package,) = entry["packages"]
    assert {entry["version"], package["version"]} == {mmrank.__version__}
    assert package["runtimeArguments"][0]["value"] == f"mmrank[mcp]=={mmrank.__version__}"
    assert package["packageArguments"][0]["value"] == "mcp"
    assert len(entry["description"]) <= 100


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import mmrank, mmrank.ingest, mmrank.index, mmrank.train, importlib.util\n"
        "from mmrank.query.analysis import analyse\n"
        "assert analyse('What is the quick ratio?').statements\n"
        "print(mmrank.__file__, mmrank.ingest.__file__, sep='\\n')\n"
    )
    homes = run("-I", "-c", program, cwd=tmp_path).split()
    assert all(home.startswith(str(installed)) for home in homes)


@pytest.mark.slow
def test_the_wheel_of_a_checkout_without_links_finds_a_page(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "ferries.txt").write_text("The Skerry ferry carried 471 thousand passengers in 2025.")
    (tmp_path / "boilers.txt").write_text("Descale the boiler once every two years.")
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import mmrank\n"
        "with mmrank.Collection.create('library.mmrank', workers=1) as library:\n"
        "    report = library.add('ferries.txt', 'boilers.txt')\n"
        "    assert report.ok, report.failed\n"
        "    hits = library.search('How many passengers did the ferry carry?')\n"
        "print(mmrank.__file__, hits[0].document, hits[0].page_number, sep='\\n')\n"
    )
    home, document, page = run("-I", "-c", program, cwd=tmp_path).split()
    assert home.startswith(str(installed))
    assert (document, page) == ("ferries.txt", "1")
