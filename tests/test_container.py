"""The container's files keep what docs/operate.md promises. No engine builds them here."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_the_torch_of_the_tests_and_copies_what_there_is() -> None:
    setup = (ROOT / "tools" / "setup_env.py").read_text(encoding="utf-8")
    (torch,) = re.findall(r'^TORCH = "(.+)"', setup, re.M)
    assert re.findall(r"^ARG TORCH=(.+)", DOCKERFILE, re.M) == [torch]
    copied = [
        line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for names in copied for name in names} == sent
    assert all((ROOT / name).exists() for name in sent)


def test_containers_have_no_rights_and_write_to_their_volume_alone() -> None:
    assert re.findall(r"^USER (.+)", DOCKERFILE, re.M)[-1] == "10001:10001"
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        written = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
        assert written == (["collections:/data"] if name == "mmrank" else [])
    assert COMPOSE["services"]["mmrank"]["ports"] == ["127.0.0.1:8000:8000"]
    assert COMPOSE["networks"]["models"]["internal"] is True
    assert COMPOSE["services"]["model"]["networks"] == ["models"]


def test_the_environment_is_one_that_the_service_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    from mmrank.serve import ServeSettings

    for name, value in COMPOSE["services"]["mmrank"]["environment"].items():
        monkeypatch.setenv(name, value)
    (keys,) = re.findall(r"MMRANK_SERVE_KEYS=(\S+)", DOCKERFILE)
    monkeypatch.setenv("MMRANK_SERVE_KEYS", keys)
    settings = ServeSettings()
    assert str(settings.keys) == "/data/keys.json"
    (model,) = settings.models
    command = COMPOSE["services"]["model"]["command"]
    assert model == f"http://model:{command[command.index('--port') + 1]}/v1#{command[command.index('--alias') + 1]}"


def test_the_command_of_the_image_is_one_that_mmrank_has(tmp_path: Path) -> None:
    (command,) = re.findall(r"^CMD (.+)", DOCKERFILE, re.M)
    words = [word.replace("/data", str(tmp_path)) for word in json.loads(command)]
    done = subprocess.run(
        [sys.executable, "-m", "mmrank", *words, "--keys", str(tmp_path / "keys.json")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "library.mmrank" in done.stderr, done.stderr
