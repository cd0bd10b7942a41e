"""What a person does on the page: ask, open evidence, filter, go back, share an address, use the keyboard."""

from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Page, expect

Look = Callable[..., Page]

TICKET = "/?q=" + quote("What does a ticket for a child cost?")
TRAVEL = "/?q=" + quote("Do bicycles travel for free?")


def ask(page: Page, question: str, mode: str = "Pages") -> None:
    page.get_by_role("radio", name=mode).check()
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Search").click()


def test_a_question_finds_pages_and_shows_the_first_with_its_boxes(look: Look) -> None:
    page = look()
    expect(page.locator(".covers li")).to_have_count(3)
    ask(page, "What does a ticket for a child cost?")
    hit = page.locator(".hit").first
    expect(hit.get_by_role("link")).to_contain_text("Anholt Ferry")
    expect(hit).to_contain_text("page 2")
    expect(hit.locator("mark").first).to_be_visible()
    expect(hit.locator(".reason")).to_contain_text("ticket")
    expect(hit.locator(".confidence")).to_contain_text("%")
    expect(hit.locator(".signals dt").first).to_be_visible()
    thumbnail = hit.locator(".thumb img")
    expect(thumbnail).to_have_js_property("complete", True)
    assert thumbnail.evaluate("picture => picture.naturalWidth") > 0
    expect(page.locator("#viewer")).to_have_attribute("aria-label", "Page 2 of Anholt Ferry: Annual Report 2024")
    assert page.locator("#viewer .box").count() >= 1
    expect(page.locator("#viewer .spots")).to_contain_text("170 crowns")


def test_boxes_lie_where_the_text_is(look: Look) -> None:
    page = look(TICKET)
    sheet = page.locator("#viewer .sheet").bounding_box()
    box = page.locator("#viewer .box rect").first.bounding_box()
    assert sheet and box
    height = (box["y"] + box["height"] / 2 - sheet["y"]) / sheet["height"] * 520
    assert 40 < height < 240  # the heading and the paragraph about tickets


def test_a_box_and_its_text_mark_each_other(look: Look) -> None:
    page = look(TICKET)
    box, text = page.locator("#box-1"), page.locator("#spot-1")
    box.locator("circle").hover()
    expect(text).to_have_class("lit")
    expect(page.locator(".hit").first.locator(".snippet")).to_have_class("snippet lit")
    text.hover()
    expect(box).to_have_class("box lit")
    page.locator(".hit").first.locator(".snippet").hover(force=True)
    expect(box).to_have_class("box lit")
    page.locator(".summary").first.hover()
    expect(box).to_have_class("box")


def test_hits_open_have_addresses_and_back_goes_back(look: Look) -> None:
    page = look(TICKET)
    page.locator(".hit").nth(1).get_by_role("link").click()
    expect(page.locator("#viewer.chosen")).to_be_visible()
    opened = page.locator("#viewer").get_attribute("data-page")
    boxes = page.locator("#viewer .box").count()
    expect(page.locator(".open[aria-current]")).to_have_count(1)
    assert "open=" in page.url
    shared = look(page.url.split("/", 3)[3].join(["/", ""]))
    expect(shared.locator("#viewer")).to_have_attribute("data-page", opened or "")
    expect(shared.locator("#viewer .box")).to_have_count(boxes)
    page.go_back()
    expect(page.locator("#viewer")).not_to_have_attribute("data-page", opened or "")
    expect(page.locator(".hit").first).to_be_visible()


def test_back_after_a_second_question_shows_the_first(look: Look) -> None:
    page = look()
    ask(page, "What does a ticket cost?")
    expect(page.locator(".hit").first).to_contain_text("page 2")
    ask(page, "How hot is the oven?")
    expect(page.locator(".hit").first).to_contain_text("Bakery")
    page.go_back()
    expect(page.get_by_label("Question")).to_have_value("What does a ticket cost?")
    expect(page.locator(".hit").first).to_contain_text("Anholt Ferry")


def test_pages_are_turned_zoomed_opened_and_cited(look: Look) -> None:
    page = look(TICKET)
    width = page.locator(".sheet").bounding_box()
    page.get_by_role("link", name="Larger").click()
    larger = page.locator(".sheet").bounding_box()
    assert width and larger and larger["width"] > 1.3 * width["width"]
    page.locator("#turn-on").click()
    expect(page.locator(".turn .number")).to_have_text("3 of 4")
    expect(page.locator(".strip [aria-current]")).to_contain_text("page 3")
    page.locator(".strip a").first.click()
    expect(page.locator(".turn .number")).to_have_text("1 of 4")
    file = page.locator("#file").get_attribute("href") or ""
    assert file.endswith("#page=1")
    answer = page.request.get(page.url.split("/?")[0] + file.split("#")[0])
    assert answer.headers["content-type"] == "application/pdf" and answer.body().startswith(b"%PDF")
    page.locator("#cite").click()
    expect(page.locator("#citation")).to_have_value("Anholt Ferry: Annual Report 2024. 2024. Page 1. ferry-report.pdf")
    page.locator("#copy").click()
    expect(page.locator("#said")).to_contain_text("citation")


def test_filters_leave_what_they_name(look: Look) -> None:
    page = look(TICKET)
    page.locator("#filters summary").click()
    page.locator("select[name='m.department']").select_option("kitchen")
    expect(page.locator(".hit").first).to_contain_text("Bakery")
    expect(page.locator(".summary").first).to_contain_text("within 1 of 3")
    expect(page.locator("#library li")).to_have_count(1)
    assert "m.department=kitchen" in page.url and "since=" not in page.url
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("#library li")).to_have_count(3)
    page.get_by_label("Search in Bakery Handbook").check()
    expect(page.locator(".hit").first).to_contain_text("Bakery")
    page.get_by_label("Find a document by its name").fill("ferry")
    expect(page.locator("#library li")).to_have_count(1)


def test_dates_are_a_filter_and_one_that_is_none_is_named(look: Look) -> None:
    page = look(TICKET + "&since=2023")
    expect(page.locator(".summary").first).to_contain_text("within 1 of 3")
    page.locator("input[name='since']").fill("last year")
    page.locator("input[name='since']").blur()
    expect(page.get_by_role("alert")).to_contain_text("last year")


def test_an_answer_cites_boxes_that_open(look: Look) -> None:
    page = look()
    ask(page, "What does a ticket for a child cost?", "Answer")
    expect(page.locator(".sentences")).to_contain_text("170 crowns")
    expect(page.locator("#viewer .box").first).to_be_visible()
    page.locator("#viewer #turn-on").click()
    expect(page.locator("#viewer .box")).to_have_count(0)
    page.locator(".cite").first.click()
    expect(page.locator("#viewer .spots")).to_contain_text("170 crowns")
    expect(page.locator(".cite").first).to_have_attribute("aria-current", "true")
    ask(page, "What time does the first ship leave?", "Answer")
    expect(page.locator(".sentences")).to_contain_text("seven")


def test_what_is_not_there_is_said_not_to_be(look: Look) -> None:
    page = look()
    ask(page, "Who won the chess tournament of Wijk?", "Answer")
    expect(page.locator(".not-found")).to_contain_text("Not found")
    ask(page, "Who won the chess tournament of Wijk?")
    expect(page.locator(".notice")).to_contain_text("Nothing in the collection seems to answer this")


def test_everything_can_be_done_with_the_keyboard(look: Look) -> None:
    page = look()
    expect(page.get_by_label("Question")).to_be_focused()
    page.keyboard.type("What does a ticket for a child cost?")
    page.keyboard.press("Enter")
    expect(page.locator(".hit").first).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.hit .open')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#viewer.chosen")).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.box')"):
            break
    expect(page.locator("#spot-1")).to_have_class("lit")
    page.keyboard.press("Enter")
    expect(page.locator("#spot-1 a")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer.chosen")).to_have_count(0)
    assert "open=" not in page.url


def test_on_a_telephone_a_page_covers_the_results(look: Look) -> None:
    page = look(TICKET, width=390, height=844, has_touch=True, is_mobile=True)
    expect(page.locator("#viewer")).to_be_hidden()
    page.locator(".hit .open").first.click()
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator(".hit").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="Close the page").click()
    expect(page.locator(".hit").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_works_without_scripts(look: Look) -> None:
    page = look(java_script_enabled=False)
    page.get_by_label("Question").fill("What does a ticket for a child cost?")
    page.get_by_role("button", name="Search").click()
    assert "since=" not in page.url
    page.locator(".hit .open").first.click()
    expect(page.locator("#viewer .box").first).to_be_visible()
    page.get_by_role("link", name="Larger").click()
    expect(page.locator(".desk")).to_have_attribute("data-zoom", "150")
    page.get_by_role("radio", name="Answer").check()
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".sentences")).to_contain_text("170 crowns")


def test_what_is_gone_is_said_and_the_rest_stays(look: Look) -> None:
    page = look(TICKET + "&open=0123456789abcdef&page=3")
    expect(page.get_by_role("alert")).to_contain_text("not in the collection any more")
    expect(page.locator(".hit").first).to_be_visible()


def test_it_is_painted_within_a_second(look: Look) -> None:
    page = look(TICKET)
    painted = []
    for _ in range(3):
        page.reload()
        page.screenshot()  # a browser without a window paints when it is asked to
        painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 9999"))
    assert min(painted) < 1000, painted
