"""The files for Kubernetes are well formed, fit together, and start commands that mmrank has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmrank.cli.app import _name, app

FOLDER = Path(__file__).resolve().parents[1] / "deploy/kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))


def objects(file: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Everything with containers."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for each in value.values():
            yield from pods(each)
    elif isinstance(value, list):
        for each in value:
            yield from pods(each)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_manifests_fit_together(file):
    assert "Not applied yet" in file.read_text()
    held = objects(file)
    if not file.name.endswith("-values.yaml"):
        assert all(each["apiVersion"] and each["kind"] and each["metadata"]["name"] for each in held)
    for pod in pods(held):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            if "command" in container:
                program, command, *_ = container["command"]
                assert program == "mmrank"
                assert command in {_name(known) for known in app.registered_commands}


def test_what_one_manifest_names_another_makes():
    claims = {
        each["metadata"]["name"] for file in FILES for each in objects(file) if each.get("kind", "").endswith("Claim")
    }
    named = {
        volume["persistentVolumeClaim"]["claimName"]
        for file in FILES
        for pod in pods(objects(file))
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert named == claims
