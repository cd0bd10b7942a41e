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


@pytest.mark.parametrize(
    "file", [file for file in FILES if not file.name.endswith("-values.yaml")], ids=lambda file: file.name
)
def test_manifests_are_what_kubernetes_takes(file):
    """Against the published schemas, without fields that these do not know. Ray's own kind has none: its pods have."""
    kubernetes = pytest.importorskip("kubernetes_validate")
    for each in objects(file):
        if each["apiVersion"].startswith("ray.io/"):
            groups = [each["spec"]["headGroupSpec"], *each["spec"]["workerGroupSpecs"]]
            held = [
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **group["template"]} for group in groups
            ]
        else:
            held = [each]
        for one in held:
            kubernetes.validate(one, kubernetes.latest_version(), strict=True)


def test_values_hold_a_configuration_of_milvus():
    [values] = objects(FOLDER / "milvus-values.yaml")
    assert yaml.safe_load(values["extraConfigFiles"]["user.yaml"])["common"]["security"]["authorizationEnabled"] is True


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
