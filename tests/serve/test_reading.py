"""Searching and looking at documents over HTTP."""

import io
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from mmrank.serve import Service, ServiceOf, create_app


def test_a_search_gives_the_page_its_boxes_and_why(client) -> None:
    answer = client.post("/search", json={"query": "What does a ticket to Anholt cost?", "k": 2})
    assert answer.status_code == 200
    first = answer.json()["hits"][0]
    assert (first["document"], first["page"], first["page_number"]) == ("ferry.pdf", 0, 1)
    assert "340" in first["snippet"] and first["reasoning"] and first["scores"]
    [box] = first["boxes"]
    assert 0 <= box[0] < box[2] <= 300


def test_a_filter_says_where_to_look(client) -> None:
    body = {"query": "What does a ticket cost?", "where": {"folder": "harbour"}}
    assert {hit["document"] for hit in client.post("/search", json=body).json()["hits"]} == {"harbour/cranes.pdf"}


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({"query": "ferry", "k": 0}, 422, "invalid_request", "k"),
        ({"query": "ferry", "k": 1_000_000}, 422, "invalid_request", "at most 100"),
        ({"query": "  "}, 400, "bad_input", "empty"),
        ({"query": "ferry", "where": {"colour": "red"}}, 422, "invalid_request", "colour"),
        ({"query": "ferry", "where": "harbour"}, 422, "invalid_request", "where"),
        ({"query": "ferry", "where": {"since": "yesterday"}}, 400, "bad_input", "yesterday"),
        ({"query": "ferry", "rerank": "magic"}, 400, "bad_input", "magic"),
        ({"query": "ferry", "collection": "attic"}, 404, "no_such_collection", "library"),
    ],
)
def test_a_search_that_cannot_be_is_told_why(client, body, status, code, said) -> None:
    answer = client.post("/search", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert said in answer.json()["error"]["message"]


def test_documents_are_listed_by_name_in_parts(client) -> None:
    answer = client.get("/documents", params={"offset": 1, "limit": 1}).json()
    assert answer["total"] == 3 and [found["name"] for found in answer["documents"]] == ["harbour/cranes.pdf"]


def test_a_page_is_shown_with_boxes(client) -> None:
    identifier = client.get("/documents").json()["documents"][0]["id"]
    plain = client.get(f"/documents/{identifier}/pages/1/picture", params={"pixels": 60_000})
    marked = client.get(f"/documents/{identifier}/pages/1/picture", params={"pixels": 60_000, "boxes": "20,20,280,60"})
    assert plain.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(plain.content)).size == Image.open(io.BytesIO(marked.content)).size
    assert plain.content != marked.content


def test_what_does_not_exist_is_said_so(client) -> None:
    identifier = client.get("/documents").json()["documents"][0]["id"]
    for path, code in (
        ("/documents/0123", "no_such_document"),
        (f"/documents/{identifier}/pages/9/picture", "no_such_page"),
        ("/nowhere", "not_found"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_an_extension_adds_routes_and_lasts_as_long_as_the_service(made_library) -> None:
    events = []

    @asynccontextmanager
    async def lasting():
        events.append("begun")
        yield
        events.append("ended")

    def extension(app: FastAPI, service: Service):
        @app.get("/names")
        async def names(service: ServiceOf) -> list[str]:
            return service.names

        return lasting()

    with TestClient(create_app({"library": made_library}, extensions=[extension]), "http://localhost") as made:
        assert made.get("/names").json() == ["library"] and events == ["begun"]
    assert events == ["begun", "ended"]


def test_the_process_says_that_it_answers(client) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
