"""The service keeps to its own OpenAPI description, whatever is sent."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from served import running

from mmrank.serve import create_app

schemathesis = pytest.importorskip("schemathesis")
EXAMPLES = 4
"""Requests of each kind per route; by hand: `schemathesis --config-file tests/serve/schemathesis.toml run URL`."""


@pytest.fixture(scope="module")
def described(made_library, tmp_path_factory):
    path = tmp_path_factory.mktemp("described") / "library.mmrank"
    shutil.copytree(made_library, path)
    with running(create_app({"library": path})) as url:
        config = schemathesis.Config.from_path(Path(__file__).with_name("schemathesis.toml"))
        yield schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)


def test_every_route_is_described_for_people(described) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 20
    for operation in operations:
        raw = operation.definition.raw
        assert raw["summary"] and raw["description"] and raw["tags"], operation.label


@pytest.mark.slow
def test_what_the_description_allows_is_answered_as_it_says(described) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    for operation in operations:
        if operation.path == "/jobs/{job}/events":
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case) -> None:
            case.call_and_validate(timeout=60)

        ask()


@given(st.binary(max_size=300))
@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_bytes_that_are_no_json_are_refused_in_the_shape_of_all_errors(client, body) -> None:
    answer = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422} and set(answer.json()["error"]) == {"code", "message", "request_id"}
