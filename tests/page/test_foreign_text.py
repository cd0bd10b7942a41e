"""Text of documents is text everywhere: no markup and no script in a PDF, its title, its name or its metadata acts."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

import mmrank

Look = Callable[..., Page]
ZEBRAS = quote("When does the zebra enclosure open?")


@pytest.mark.parametrize("mode", ["find", "ask"])
def test_nothing_in_a_hostile_document_acts(look: Look, mode: str) -> None:
    page = look(f"/?mode={mode}&q={ZEBRAS}")
    expect(page.locator(".hit").first).to_contain_text("Zebra <script>owned()</script>")
    expect(page.locator("#viewer")).to_contain_text("<img src=x onerror=owned()>")
    page.locator("#viewer").get_by_text("Text of this page").click()
    expect(page.locator("#viewer details.text").first).to_contain_text("</p></li></ol>")
    page.locator(".hit .open").first.click()
    expect(page.locator("#viewer.chosen .name span")).to_have_text("<img src=x onerror=owned()>.pdf")
    page.locator("#filters summary").click()
    expect(page.locator("select[name='m.department']")).to_contain_text("<script>owned()</script>")
    page.locator("#cite").click()
    expect(page.locator("#citation")).to_have_value(re.compile("<script>.*<img src=x"))
    assert page.locator("img[src='x'], [onerror]").count() == 0
    assert page.locator("script:not([src])").count() == 0
    assert page.title().endswith("mmrank")


def test_a_hostile_question_and_address_are_text(look: Look) -> None:
    attack = '"><script>owned()</script><img src=x onerror=owned()>'
    page = look(
        f"/?q={quote(attack)}&m.{quote(attack)}={quote(attack)}&c={quote(attack)}&open={quote(attack)}&since=2020"
    )
    expect(page.get_by_label("Question")).to_have_value(attack)
    assert page.locator("img[src='x'], script:not([src])").count() == 0
    assert page.evaluate("document.title").endswith("mmrank")


def test_every_answer_has_a_strict_policy(look: Look) -> None:
    page = look()
    for path in ("", f"?q={ZEBRAS}", "?start=9&open=nonsense", "?q=" + "x" * 3000, "ui/key"):
        answer = page.request.get(f"{page.url}{path}")
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
        assert " style=" not in answer.text() and "javascript:" not in answer.text()


def test_a_script_that_got_in_would_not_run(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.body.dataset.ran = 'yes'";
        try { document.body.append(script); } catch { /* refused */ }
        document.body.insertAdjacentHTML("beforeend", "<b id='b' onclick=\\"document.body.dataset.ran='yes'\\">x</b>");
        document.getElementById("b").click();
    }""")
    assert page.evaluate("document.body.dataset.ran ?? 'no'") == "no"


def test_files_other_than_pdfs_and_pictures_are_saved_not_shown(
    library: mmrank.Collection, look: Look, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = tmp_path_factory.mktemp("web") / "page.html"
    page.write_text("<h1>Gazelles</h1><script>owned()</script><p>Gazelles run at dawn.</p>")
    assert library.add(page).ok
    try:
        shown = look("/?q=" + quote("When do gazelles run?"))
        expect(shown.locator(".hit").first).to_contain_text("Gazelles")
        href = (shown.locator("#file").get_attribute("href") or "").split("#")[0]
        answer = shown.request.get(shown.url.split("/?")[0] + href)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    finally:
        library.remove("page.html")
