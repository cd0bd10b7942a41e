"""The cache folder: where it is, what it counts, and that clearing it deletes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrank.cache import KINDS, TAG, cache_folder, cache_root, cache_sizes, clear_cache
from mmrank.errors import InputError, MmrankError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_variable_comes_before_xdg_and_xdg_before_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MMRANK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home" / ".cache" / "mmrank"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "mmrank"
    monkeypatch.setenv("MMRANK_CACHE", "~/elsewhere")
    assert cache_root() == tmp_path / "home" / "elsewhere"


def test_a_folder_is_made_and_marked_when_it_is_first_needed(root: Path) -> None:
    assert not root.exists()
    assert cache_folder("models") == root / "models"
    assert (root / "models" / TAG).read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert not (root / "evaluate").exists()


def test_an_unknown_kind_lists_the_known_ones(root: Path) -> None:
    for call in (cache_folder, clear_cache):
        with pytest.raises(InputError, match=r"'elephants'.*evaluate, models, reading"):
            call("elephants")
    assert not root.exists()


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "file"))
    with pytest.raises(MmrankError, match="MMRANK_CACHE"):
        cache_folder("models")


def test_sizes_count_files_at_any_depth_and_follow_no_link(root: Path, tmp_path: Path) -> None:
    tag = (cache_folder("models") / TAG).stat().st_size
    (root / "models" / "a").mkdir()
    (root / "models" / "a" / "weights").write_bytes(b"x" * 1000)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "large").write_bytes(b"x" * 5000)
    (root / "models" / "link").symlink_to(tmp_path / "outside")
    (root / "models" / "file-link").symlink_to(tmp_path / "outside" / "large")
    sizes = {size.kind: (size.files, size.bytes) for size in cache_sizes()}
    assert sizes == {**dict.fromkeys(KINDS, (0, 0)), "models": (2, 1000 + tag)}


def test_clearing_deletes_one_kind_and_never_what_a_link_points_to(root: Path, tmp_path: Path) -> None:
    (cache_folder("models") / "weights").touch()
    (cache_folder("evaluate") / "pages").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").touch()
    (root / "models" / "link").symlink_to(tmp_path / "outside")
    clear_cache("models")
    assert [path.name for path in root.iterdir()] == ["evaluate"]
    assert (root / "evaluate" / "pages").exists()
    assert (tmp_path / "outside" / "precious").exists()
    clear_cache("models")  # nothing there: nothing to do


def test_a_kind_that_is_a_link_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / TAG).touch()
    root.mkdir()
    (root / "models").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="is a link to"):
        clear_cache("models")
    assert (tmp_path / "outside" / TAG).exists()


def test_a_folder_that_mmrank_did_not_make_is_left_alone(root: Path) -> None:
    (root / "models").mkdir(parents=True)
    (root / "models" / "thesis.txt").touch()
    assert cache_folder("models") == root / "models"  # it may be used, but is not marked as ours
    with pytest.raises(InputError, match=TAG):
        clear_cache("models")
    assert (root / "models" / "thesis.txt").exists()


def test_what_an_interrupted_clearing_left_is_deleted_by_the_next(root: Path) -> None:
    (root / ".models-0a1b2c3d.deleted" / "a").mkdir(parents=True)
    clear_cache("models")
    assert list(root.iterdir()) == []
