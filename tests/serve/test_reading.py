"""Searching and looking at documents over HTTP."""

import io
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from served import HERE, write_pdf

import mmrank
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
        ({"query": "ferry", "k": 1_000_000}, 422, "invalid_request", "100"),
        ({"query": "  "}, 422, "invalid_request", "query"),
        ({"query": "ferry", "where": {"colour": "red"}}, 422, "invalid_request", "colour"),
        ({"query": "ferry", "where": "harbour"}, 422, "invalid_request", "where"),
        ({"query": "ferry", "where": {"since": "yesterday"}}, 422, "invalid_request", "since"),
        ({"query": "ferry", "where": {"since": "2023-02-30"}}, 400, "bad_input", "2023-02-30"),
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


def identifier(client: TestClient, name: str = "ferry.pdf") -> str:
    [found] = client.get("/documents", params={"text": name}).json()["documents"]
    return str(found["id"])


def test_documents_are_filtered_by_words_folder_and_metadata(client) -> None:
    def names(**filters: object) -> list[str]:
        found = client.get("/documents", params=filters).json()
        return [document["name"] for document in found["documents"]]

    assert names(text="KITCHEN") == ["kitchen.pdf"]
    assert names(folder="harbour") == ["harbour/cranes.pdf"]
    assert names(until="1999") == []
    unknown = client.get("/documents", params={"where": "colour=red"})
    assert unknown.status_code == 400 and "'colour'" in unknown.json()["error"]["message"]
    assert client.get("/documents", params={"where": "author"}).status_code == 422


def test_collections_are_listed(client) -> None:
    [found] = client.get("/collections").json()
    assert found == {"name": "library", "documents": 3, "pages": 4, "encoder": "minilm", "write": False}


def test_an_answer_comes_in_sentences_with_their_boxes(client) -> None:
    answer = client.post("/ask", json={"question": "What does a ticket to Anholt cost?"}).json()
    assert "340" in answer["text"] and not answer["abstained"]
    [sentence] = answer["sentences"]
    assert sentence["hits"][0]["document"] == "ferry.pdf" and sentence["hits"][0]["boxes"]
    nothing = client.post("/ask", json={"question": "Which enzyme cleaves lactose?"}).json()
    assert nothing["abstained"] and not nothing["sentences"]


def events(client: TestClient, path: str, body: dict[str, object]) -> list[tuple[str, dict[str, object]]]:
    with client.stream("POST", path, json={**body, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_an_answer_streams(client) -> None:
    question = {"question": "What does a ticket to Anholt cost?"}
    told = events(client, "/ask", question)
    assert [name for name, _ in told] == ["sentence", "answer"]
    assert told[1][1] == client.post("/ask", json=question).json()


def test_what_fails_in_a_stream_is_its_last_event(client) -> None:
    [(name, data)] = events(client, "/ask", {"question": "ferry", "rerank": "magic"})
    assert name == "error" and data["error"]["code"] == "bad_input" and data["error"]["request_id"]


def test_hits_stream_and_then_their_reasons(client, monkeypatch) -> None:
    asked = {"query": "What does a ticket to Anholt cost?", "k": 2}
    assert [name for name, _ in events(client, "/search", asked)] == ["hits", "done"]

    def explain(self, query, hits, *, model):
        return (replace(hit, reasoning=f"{model} says so") for hit in hits)

    monkeypatch.setattr(mmrank.Collection, "explain", explain)
    told = events(client, "/search", {**asked, "explain": True})
    assert [name for name, _ in told] == ["hits", "reason", "reason", "done"]
    assert told[2][1] == {"hit": 1, "reasoning": "smollm2 says so"}
    hits = client.post("/search", json={**asked, "explain": True}).json()["hits"]
    assert {hit["reasoning"] for hit in hits} == {"smollm2 says so"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ask", {"question": "ferry", "model": "http://elsewhere.example/v1#model"}),
        ("/search", {"query": "ferry", "explain": True, "model": "/etc"}),
        ("/search", {"query": "ferry", "rerank": "cross-encoder:someone/model"}),
    ],
)
def test_clients_may_not_name_models_that_the_service_was_not_started_with(client, path, body) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed")


def test_a_page_has_its_elements_with_boxes_and_text(client) -> None:
    document = identifier(client)
    page = client.get(f"/documents/{document}/pages/2").json()
    assert (page["page"], page["page_number"], page["width"], page["height"]) == (1, 2, 300, 200)
    assert "Bicycles" in page["elements"][0]["text"] and len(page["elements"][0]["box"]) == 4
    listed = client.get(f"/documents/{document}/elements", params={"offset": 1}).json()
    assert listed["total"] == 2 and listed["elements"] == page["elements"]
    assert client.get(f"/documents/{document}/elements", params={"kind": "table"}).json()["total"] == 0
    assert client.get(f"/documents/{document}").json()["pages"] == 2


def test_pictures_are_kept_by_the_client_until_they_change(client) -> None:
    path = f"/documents/{identifier(client)}/pages/1/thumbnail"
    first = client.get(path)
    assert first.headers["content-type"] == "image/webp"
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    other = client.get(path, params={"boxes": "1,1,9,9"}, headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    turned = client.get(path, params={"boxes": "9,9,1,1"}, headers={"If-None-Match": other.headers["etag"]})
    assert turned.status_code == 304
    assert client.get(path, params={"boxes": "9,9,1"}).status_code == 422


def test_the_file_is_given_as_it_was_added(client, made_library) -> None:
    answer = client.get(f"/documents/{identifier(client, 'cranes')}/file")
    assert answer.content == (made_library.parent / "papers/harbour/cranes.pdf").read_bytes()
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "inline; filename*=utf-8''cranes.pdf"


def test_a_file_that_was_changed_is_not_passed_off_as_the_document(library_path, tmp_path) -> None:
    paper = write_pdf(tmp_path / "note.pdf", ["The lamp is green."])
    with mmrank.Collection.open(library_path) as library:
        library.add(paper)
    with TestClient(create_app({"library": library_path}), HERE) as client:
        document = identifier(client, "note.pdf")
        assert client.get(f"/documents/{document}/file").status_code == 200
        paper.write_bytes(b"something else")
        for part in ("file", "pages/1/picture"):
            answer = client.get(f"/documents/{document}/{part}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (410, "file_gone")


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

    with TestClient(create_app({"library": made_library}, extensions=[extension]), HERE) as made:
        assert made.get("/names").json() == ["library"] and events == ["begun"]
    assert events == ["begun", "ended"]


def test_the_process_says_that_it_answers(client) -> None:
    assert client.get("/healthz").json()["status"] == "ok"


def test_the_description_is_a_page_that_loads_nothing(client) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200 and answer.headers["content-security-policy"].startswith("default-src 'none'")
    for shown in ("/documents/{document}/pages/{number}/{size}", "Answer a question", "top_n", "list of string"):
        assert shown in answer.text
    assert "<script" not in answer.text and "http://" not in answer.text and "https://" not in answer.text
