"""What is in the folder of a run is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrank.errors import InputError

pytest.importorskip("trl")


def test_a_new_run_never_overwrites_an_old_one_and_resuming_needs_one(tmp_path: Path) -> None:
    from mmrank.train.trainers.run_folder import checkpoint_to_resume

    with pytest.raises(InputError, match="no checkpoint"):
        checkpoint_to_resume(tmp_path, resume=True)
    (tmp_path / "checkpoints" / "checkpoint-3").mkdir(parents=True)
    with pytest.raises(InputError, match="--resume"):
        checkpoint_to_resume(tmp_path, resume=False)
