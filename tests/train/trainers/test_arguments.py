"""From our settings to the arguments of the trainers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from mmrank.errors import InputError, MissingExtraError

pytest.importorskip("trl")


def test_settings_for_several_gpus_are_read_by_name_or_from_a_file(tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import DEVICES, device_settings

    assert device_settings("zero3")["zero_optimization"]["stage"] == 3
    assert all(device_settings(name) for name in DEVICES)
    (tmp_path / "own.json").write_text('{"version": 1}', encoding="utf-8")
    assert device_settings(str(tmp_path / "own.json")) == {"version": 1}
    with pytest.raises(InputError, match="zero4"):
        device_settings("zero4")


@pytest.mark.parametrize("asked", [True, False])
def test_gradient_checkpointing_is_as_the_settings_say(asked: bool, tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import common_arguments
    from mmrank.train.trainers.settings import TrainerSettings

    settings = TrainerSettings(gradient_checkpointing=asked)
    assert common_arguments(settings, tmp_path)["gradient_checkpointing"] is asked
    split = common_arguments(TrainerSettings(gradient_checkpointing=asked, fsdp="fsdp"), tmp_path)
    assert split["gradient_checkpointing"] is asked
    (tmp_path / "own.json").write_text('{"version": 2, "activation_checkpointing": true}', encoding="utf-8")
    own = common_arguments(TrainerSettings(gradient_checkpointing=asked, fsdp=str(tmp_path / "own.json")), tmp_path)
    assert own["gradient_checkpointing"] is True
    assert own["fsdp_config"] == {"version": 2}


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="deepspeed is installed")
def test_where_deepspeed_is_missing_the_extra_is_named(tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import common_arguments
    from mmrank.train.trainers.settings import TrainerSettings

    with pytest.raises(MissingExtraError, match=r"mmrank\[deepspeed\]"):
        common_arguments(TrainerSettings(deepspeed="zero3"), tmp_path)
