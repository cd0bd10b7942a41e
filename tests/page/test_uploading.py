"""Adding documents on the page: dropped or chosen, with progress, and failures with their reason."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import mmrank

Look = Callable[..., Page]
MakePdf = Callable[..., Path]


@pytest.fixture(autouse=True)
def _as_before(library: mmrank.Collection) -> Iterator[None]:
    before = {record.id for record in library.documents()}
    yield
    added = [record.id for record in library.documents() if record.id not in before]
    if added:
        library.remove(*added, wait=5)


def drop(page: Page, *files: Path) -> None:
    """Let files fall on the page."""
    given = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]
    page.evaluate(
        """(given) => {
          const held = new DataTransfer();
          for (const [name, data] of given) {
            held.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], name));
          }
          for (const kind of ["dragenter", "dragover", "drop"]) {
            document.querySelector("#middle").dispatchEvent(
              new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true }));
          }
        }""",
        given,
    )


def test_a_dropped_file_is_read_and_can_be_asked(look: Look, make_pdf: MakePdf, tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "lighthouse.pdf", [["Lighthouse", "The lighthouse of Skagen has 210 steps."]])
    page = look()
    drop(page, pdf)
    expect(page.locator(".job")).to_contain_text("Added 1 document, 1 page", timeout=30_000)
    expect(page.locator(".covers li")).to_have_count(4)
    expect(page.locator("#library li")).to_have_count(4)
    expect(page.locator("#held")).to_contain_text("4 documents")
    page.get_by_label("Question").fill("How many steps has the lighthouse of Skagen?")
    page.keyboard.press("Enter")
    expect(page.locator(".hit").first).to_contain_text("210 steps")


def test_progress_is_told_by_pages_and_reading_can_be_stopped(look: Look, make_pdf: MakePdf, tmp_path: Path) -> None:
    pages = [[f"Chapter {at}", f"The tide of day {at} comes at {at} o'clock. " * 6] for at in range(120)]
    pdf = make_pdf(tmp_path / "tides.pdf", pages)
    page = look("/?q=ferry")
    page.locator("#files").set_input_files(pdf)
    expect(page.locator(".job")).to_contain_text("tides.pdf")
    expect(page.locator(".job")).to_contain_text("of about 120 pages", timeout=30_000)
    assert page.locator(".job progress").get_attribute("max") == "120"
    expect(look("/").locator(".job")).to_contain_text("tides.pdf")  # also for somebody who comes later
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".job")).to_contain_text("Stopped", timeout=30_000)


def test_what_cannot_be_read_is_named_with_the_reason(look: Look, make_pdf: MakePdf, tmp_path: Path) -> None:
    bad = tmp_path / "<b>bad</b>.pdf".replace("/", "-")
    bad.write_bytes(b"this is no PDF at all")
    good = make_pdf(tmp_path / "good.pdf", [["Good", "A good page about windmills."]])
    page = look()
    drop(page, bad, good)
    expect(page.locator(".job .failures")).to_contain_text("<b>bad<-b>.pdf", timeout=30_000)
    told = page.locator(".job .failures li").inner_text()
    assert "cannot be opened" in told and "/" not in told
    expect(page.locator(".job")).to_contain_text("Added 1 document")
    assert page.locator(".job b b").count() == 0


def test_a_file_of_another_kind_is_refused_with_a_sentence(look: Look, tmp_path: Path) -> None:
    program = tmp_path / "<img src=x>.exe"
    program.write_bytes(b"MZ")
    page = look()
    drop(page, program)
    expect(page.locator(".job .failures")).to_contain_text(re.compile(r"<img src=x>\.exe.* not read"))
    assert page.locator("img[src='x']").count() == 0


def test_files_are_added_without_scripts(look: Look, make_pdf: MakePdf, tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "mill.pdf", [["Mill", "The mill of Dybbol grinds barley."]])
    page = look(java_script_enabled=False)
    page.locator("#files").set_input_files(pdf)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".job")).to_contain_text("Added 1 document", timeout=30_000)
    page.get_by_role("link", name="To the documents").click()
    expect(page.locator(".covers li")).to_have_count(4)
