"""What every request passes: keys, hosts, origins, rates, sizes; ids, the log and the metrics."""

import json
import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mmrank.errors import InputError
from mmrank.serve import ServeSettings, create_app
from mmrank.serve.errors import ApiError
from mmrank.serve.guard import KEY_COOKIE, JsonLines, Rates
from mmrank.serve.keys import Keys


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def two(made_library: Path, keys: Keys):
    """A service of two collections that asks for keys."""
    keys.add("first")
    collections = {"library": made_library, "attic": made_library}
    with TestClient(create_app(collections, ServeSettings(keys=keys.path)), "http://localhost") as made:
        yield made


def test_a_key_is_kept_as_a_hash_in_a_file_for_its_owner_alone(keys: Keys) -> None:
    shown = keys.add("laptop", write=True, collections=["library"])
    assert shown not in keys.path.read_text() and keys.path.stat().st_mode & 0o077 == 0
    access = Keys(keys.path).access(shown)
    assert access is not None and (access.name, access.write, access.collections) == ("laptop", True, ("library",))
    assert keys.access(shown + "x") is None
    with pytest.raises(InputError, match="already"):
        keys.add("laptop")
    with pytest.raises(InputError, match="there are: laptop"):
        keys.remove("phone")


def test_without_a_known_key_nothing_is_answered_but_health(two, keys: Keys) -> None:
    for headers, code in (({}, "key_missing"), (bearer("guess"), "key_unknown")):
        answer = two.get("/documents", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert two.get("/healthz").status_code == two.get("/readyz").status_code == 200


def test_the_description_says_that_keys_are_asked_for(two, client, keys: Keys) -> None:
    described = two.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert described["paths"]["/search"]["post"]["security"] == [{"HTTPBearer": []}]
    assert "security" not in described["paths"]["/healthz"]["get"]
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_a_key_shows_its_collections_and_no_others(two, keys: Keys) -> None:
    shown = bearer(keys.add("attic only", collections=["attic"]))
    assert two.get("/documents", headers=shown).json()["total"] == 3
    answer = two.get("/documents", params={"collection": "library"}, headers=shown)
    assert answer.status_code == 404 and "attic" in answer.json()["error"]["message"]
    everything = bearer(keys.add("all"))
    assert two.get("/documents", headers=everything).json()["error"]["code"] == "collection_not_named"
    assert two.get("/documents", params={"collection": "library"}, headers=everything).status_code == 200


def test_a_key_that_is_removed_is_refused_at_once(two, keys: Keys) -> None:
    shown = bearer(keys.add("for a day", collections=["attic"]))
    assert two.get("/documents", headers=shown).status_code == 200
    keys.remove("for a day")
    assert two.get("/documents", headers=shown).status_code == 401


def test_a_browser_may_keep_its_key_in_a_cookie(two, keys: Keys) -> None:
    shown = keys.add("page", collections=["attic"])
    assert two.get("/documents", headers={"Cookie": f"{KEY_COOKIE}={shown}"}).status_code == 200


def test_a_host_that_the_service_is_not_called_is_refused(client) -> None:
    answer = client.get("/documents", headers={"Host": "attacker.example:8000"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "unknown_host")


def test_a_web_page_of_another_address_can_send_nothing(client, serve) -> None:
    body, foreign = {"query": "ferry"}, {"Origin": "https://attacker.example"}
    assert client.post("/search", json=body, headers=foreign).json()["error"]["code"] == "foreign_page"
    assert client.post("/search", json=body, headers={"Origin": "http://localhost"}).status_code == 200
    assert "access-control-allow-origin" not in client.get("/documents", headers=foreign).headers
    named = serve(origins=("https://attacker.example",))
    answer = named.post("/search", json=body, headers=foreign)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "https://attacker.example"


def test_a_client_that_asks_too_often_is_told_when_to_come_back() -> None:
    now = [0.0]
    rates = Rates(60, clock=lambda: now[0])
    for _ in range(60):
        rates.check("one")
    with pytest.raises(ApiError) as refused:
        rates.check("one")
    assert refused.value.status == 429 and int(refused.value.headers["Retry-After"]) <= 2
    rates.check("another")
    now[0] = 1.5
    rates.check("one")


def test_a_body_that_is_too_large_is_refused_whether_its_size_is_said_or_not(client) -> None:
    large = b'{"query": "' + b"x" * (1 << 20) + b'"}'
    assert client.post("/search", content=large).status_code == 413

    def pieces():
        yield from (large[at : at + 65536] for at in range(0, len(large), 65536))

    answer = client.post("/search", content=pieces(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_every_answer_has_the_id_of_its_request(client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    answer = client.get("/documents/none", headers={"X-Request-ID": "not one\x0b"})
    assert answer.headers["X-Request-ID"] == answer.json()["error"]["request_id"] != "not one"


def test_the_log_says_how_a_request_went_and_nothing_of_what_it_said(client, caplog) -> None:
    with caplog.at_level(logging.INFO, "mmrank.serve"):
        client.post("/search", json={"query": "ticket to Anholt"}, headers={"X-Request-ID": "seen"})
        client.get("/documents/secret-name")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "mmrank.serve"]
    assert lines[0].items() >= {"request_id": "seen", "method": "POST", "route": "/search", "status": 200}.items()
    assert lines[1]["route"] == "/documents/{document}" and lines[1]["status"] == 404
    assert "Anholt" not in json.dumps(lines) and "secret" not in json.dumps(lines)


def test_metrics_count_requests_by_route(client) -> None:
    client.post("/search", json={"query": "ferry"})
    text = client.get("/metrics").text
    assert 'mmrank_requests_total{method="POST",route="/search",status="200"}' in text
    assert 'mmrank_request_seconds_bucket{le="60.0",method="POST",route="/search"}' in text
