"""Describing and removing documents on the page, by those who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

import mmrank
from mmrank.adding.metadata import given_in
from mmrank.serve import ServeSettings, create_app
from mmrank.serve.keys import Keys
from mmrank.serve.page import page as page_extension

Look = Callable[..., Page]
NAME = "lighthouse.pdf"


@pytest.fixture
def lighthouse(library: mmrank.Collection, make_pdf: Callable[..., Path], tmp_path: Path) -> Iterator[str]:
    """A further document, which may be changed; its id."""
    path = make_pdf(tmp_path / NAME, [["Lighthouse", "The lighthouse of Skagen has 210 steps."]])
    library.add(path, metadata={"department": "coast"})
    identifier = library.record(NAME).id
    yield identifier
    if any(record.id == identifier for record in library.documents()):
        library.remove(identifier, wait=5)


def opened(look: Look, document: str, question: str = "", **options: object) -> Page:
    page = look(f"/?q={quote(question)}&open={document}&page=1" if question else f"/?open={document}&page=1", **options)
    page.locator("#described > summary").click()
    return page


def test_a_title_is_given_and_taken_back(look: Look, library: mmrank.Collection, lighthouse: str) -> None:
    page = opened(look, lighthouse)
    form = page.locator("#described form.fields")
    expect(form.get_by_label("department")).to_have_value("coast")
    assert form.get_by_label("Title").get_attribute("placeholder") == "Lighthouse"
    form.get_by_label("Title").fill("The tower of <b>Skagen</b>")
    form.get_by_label("People").fill("A. Smith; B. Jones")
    form.get_by_label("Another key").fill("shelf")
    form.get_by_label("Its value").fill("north")
    form.get_by_role("button", name="Save").click()
    expect(page.locator("#described .saved")).to_have_text("Saved: title, people, shelf.")
    expect(page.locator("#viewer .bar strong")).to_have_text("The tower of <b>Skagen</b>")
    expect(page.locator("#library")).to_contain_text("The tower of <b>Skagen</b>")
    expect(page.locator(".covers")).to_contain_text("The tower of <b>Skagen</b>")
    expect(page.locator("#save")).to_be_focused()
    given = {"title": "The tower of <b>Skagen</b>", "people": "A. Smith · B. Jones", "shelf": "north"}
    assert given_in(library.record(NAME)) == {**given, "department": "coast"}
    page.locator("#described").get_by_label("Title").fill("")
    page.locator("#described").get_by_role("button", name="Save").click()
    expect(page.locator("#described .saved")).to_have_text("Saved: title.")
    expect(page.locator("#viewer .bar strong")).to_have_text("Lighthouse")
    assert "title" not in given_in(library.record(NAME))


def test_what_cannot_be_noted_is_said_and_what_was_typed_stays(look: Look, lighthouse: str) -> None:
    page = opened(look, lighthouse, "lighthouse")
    page.locator("#described").get_by_label("Date").fill("last year")
    page.locator("#described").get_by_role("button", name="Save").click()
    expect(page.locator("#refused")).to_contain_text("last year")
    expect(page.locator("#described").get_by_label("Date")).to_have_value("last year")
    expect(page.locator(".hit").first).to_be_visible()


def test_removal_asks_first_and_shows_what_is_left(look: Look, library: mmrank.Collection, lighthouse: str) -> None:
    page = opened(look, lighthouse, "How many steps has the lighthouse?")
    expect(page.locator(".hit").first).to_contain_text("210 steps")
    button = page.locator(".removing").get_by_role("button", name="Remove", exact=True)
    expect(button).to_be_hidden()
    page.locator(".removing > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".removing form")).to_contain_text("Remove Lighthouse (1 page) from the collection?")
    assert library.record(NAME)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#middle .done")).to_have_text(f"Removed {NAME}.")
    expect(page.locator("#said")).to_have_text(f"Removed {NAME}.")
    expect(page.locator("#library li")).to_have_count(3)
    expect(page.locator("#held")).to_contain_text("3 documents")
    expect(page.locator("#middle")).not_to_contain_text("210 steps")
    assert "open=" not in page.url and "q=How" in page.url
    assert len(library) == 3


def test_both_work_without_scripts(look: Look, library: mmrank.Collection, lighthouse: str) -> None:
    page = opened(look, lighthouse, java_script_enabled=False)
    page.locator("#described").get_by_label("Title").fill("Tower")
    page.locator("#described").get_by_role("button", name="Save").click()
    expect(page.locator("#viewer .bar strong")).to_have_text("Tower")
    page.locator("#described > summary").click()
    page.locator(".removing > summary").click()
    page.locator(".removing").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".covers li")).to_have_count(3)
    assert len(library) == 3


def test_a_key_for_reading_shows_what_is_known_and_changes_nothing(
    library: mmrank.Collection, lighthouse: str, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    app = create_app({"library": library.path}, ServeSettings(keys=keys.path), extensions=[page_extension])
    with TestClient(app, "http://localhost", follow_redirects=False) as client:
        client.cookies.set("mmrank_key", keys.add("reader"))
        text = client.get(f"/?open={lighthouse}").text
        assert "About this document" in text and "coast" in text
        assert "/metadata" not in text and "/remove" not in text
        for action in ("metadata", "remove"):
            answer = client.post(f"/ui/documents/{lighthouse}/{action}", data={"back": "/", "m.title": "Mine"})
            assert answer.status_code == 403 and "for reading" in answer.text
        client.cookies.set("mmrank_key", keys.add("writer", write=True))
        foreign = {"Origin": "https://elsewhere.example"}
        assert client.post(f"/ui/documents/{lighthouse}/remove", headers=foreign).status_code == 403
        sent = client.post(f"/ui/documents/{lighthouse}/metadata", data={"back": "https://elsewhere.example/?q=a"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/?q=a")
        assert client.post("/ui/documents/0123456789abcdef/remove").status_code == 404
    assert library.record(NAME).title == "Lighthouse"
