"""A service that asks for keys asks people for theirs on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import mmrank
from mmrank.serve import ServeSettings, create_app
from mmrank.serve.keys import Keys
from mmrank.serve.page import page


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def client(keys: Keys, tmp_path: Path) -> Iterator[TestClient]:
    keys.add("other")
    collections = {}
    for name in ("greenhouse", "attic"):
        with mmrank.Collection.create(tmp_path / name):
            collections[name] = tmp_path / name
    app = create_app(collections, ServeSettings(keys=keys.path), extensions=[page])
    with TestClient(app, "http://localhost", follow_redirects=False) as made:
        yield made


def test_a_person_is_asked_for_a_key_and_brought_back(client: TestClient, keys: Keys) -> None:
    asked = client.get("/?q=ferries&since=2020")
    assert asked.status_code == 303
    form = client.get(asked.headers["location"])
    assert form.status_code == 200 and "/?q=ferries&amp;since=2020" in form.text
    assert client.get("/ui/static/page.css").status_code == 200
    refused = client.post("/ui/key", data={"key": "guess"})
    assert refused.status_code == 401 and "not known" in refused.text and "set-cookie" not in refused.headers
    shown = keys.add("laptop")
    answer = client.post("/ui/key", data={"key": shown, "to": "/?q=ferries"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=ferries")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert "Sign out laptop" in client.get("/").text
    client.post("/ui/sign-out")
    client.cookies.clear()
    assert client.get("/").status_code == 303


def test_a_key_shows_its_collections_and_adds_only_where_it_may(client: TestClient, keys: Keys) -> None:
    client.cookies.set("mmrank_key", keys.add("reader", collections=["attic"]))
    text = client.get("/").text
    assert "greenhouse" not in text
    assert "greenhouse" not in client.get("/?c=greenhouse").text
    assert 'id="drop"' not in text
    refused = client.post("/ui/documents?c=attic", files={"files": ("a.txt", b"text")})
    assert refused.status_code == 403 and "for reading" in refused.text


def test_of_several_collections_one_is_shown_and_the_others_can_be_chosen(client: TestClient, keys: Keys) -> None:
    client.cookies.set("mmrank_key", keys.add("all"))
    text = client.get("/?c=attic").text
    assert '<option value="attic" selected>' in text and '<option value="greenhouse">' in text
    assert '<option value="greenhouse" selected>' in client.get("/").text
    assert "/ui/documents" not in text  # the key is for reading


def test_foreign_pages_cannot_send_forms_and_nobody_is_sent_elsewhere(client: TestClient, keys: Keys) -> None:
    shown = keys.add("laptop", write=True)
    for to in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/?\\..\\"):
        assert client.post("/ui/key", data={"key": shown, "to": to}).headers["location"] == "/"
    client.cookies.set("mmrank_key", shown)
    for origin in ("https://elsewhere.example", "null"):
        answer = client.post("/ui/documents", files={"files": ("a.txt", b"x")}, headers={"Origin": origin})
        assert answer.status_code == 403


def test_parts_of_the_page_send_the_browser_to_the_door(client: TestClient) -> None:
    answer = client.get("/?q=a", headers={"HX-Request": "true", "HX-Target": "content"})
    assert answer.status_code == 401 and answer.headers["hx-redirect"] == "/ui/key"
