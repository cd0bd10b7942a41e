"""A service over a small collection, and a browser that looks at it as a person does."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pymupdf
import pytest

import mmrank

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from mmrank.serve import ServeSettings, create_app
from mmrank.serve.page import page as page_extension

expect.set_options(timeout=20_000)
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
SCRIPT = "<script>owned()</script>"
PICTURE = "<img src=x onerror=owned()>"
HOSTILE_NAME = f"{PICTURE}.pdf"

PAPERS: dict[str, list[list[str]]] = {
    "ferry-report.pdf": [
        ["Anholt Ferry: Annual Report 2024", "The company runs two ships between Grenaa and Anholt."],
        [
            "Tickets",
            "A ticket for an adult costs 340 crowns, and a ticket for a child costs 170 crowns.",
            "Bicycles",
            "Bicycles travel for free on the lower deck of both ships, whatever the season is.",
        ],
        ["Timetable", "The first ship leaves Grenaa at seven in the morning and reaches Anholt at ten."],
        ["Crew", "The crew of each ship has nine members, among them two cooks."],
    ],
    "bakery-handbook.pdf": [
        ["Bakery Handbook", "The large oven heats to 250 degrees. The rye bread bakes for fifty minutes."],
        ["Cleaning", "The mixers are cleaned every evening with hot water and vinegar."],
    ],
    HOSTILE_NAME: [
        [f"Zebra {SCRIPT}", f"The zebra enclosure {PICTURE} opens at noon </p></li></ol> {SCRIPT} every Monday."],
    ],
}


def write_pdf(path: Path, pages: Sequence[Sequence[str]], **metadata: str) -> Path:
    """A PDF with a heading and a paragraph in turns on each page."""
    with pymupdf.open() as file:
        for texts in pages:
            shown = file.new_page(width=400, height=520)
            for at, text in enumerate(texts):
                heading = at % 2 == 0
                box = (40, 50 + 90 * at, 360, 130 + 90 * at)
                shown.insert_textbox(box, text, fontsize=18 if heading else 11, fontname="hebo" if heading else "helv")
        file.set_metadata(metadata)
        file.save(path)
    return path


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., Path]:
    return write_pdf


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    for name, pages in PAPERS.items():
        hostile = name == HOSTILE_NAME
        write_pdf(folder / name, pages, title=f"{SCRIPT} Zebras" if hostile else "", author=PICTURE if hostile else "")
    return folder


@pytest.fixture(scope="module")
def library(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[mmrank.Collection]:
    """An open collection of the papers."""
    path = tmp_path_factory.mktemp("library") / "library.mmrank"
    with mmrank.Collection.create(path, workers=1, ocr="never") as made:
        report = made.add(
            papers,
            metadata={
                "ferry-report.pdf": {"department": "harbour", "date": "2024-05-01"},
                "bakery-handbook.pdf": {"department": "kitchen", "date": "2021-02-03"},
                HOSTILE_NAME: {"department": SCRIPT, "date": "2020-01-01"},
            },
        )
        assert report.ok, report
        yield made


@pytest.fixture(scope="module")
def address(library: mmrank.Collection) -> Iterator[str]:
    """Where the service is."""
    app = create_app({"library": library}, ServeSettings(), extensions=[page_extension])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.started
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Playwright's event loop ends with the module: while it runs, no other test can run one of its own."""
    if not CHROMIUM.exists():
        why = os.environ.get("MMRANK_NO_CHROMIUM", "apt-get install chromium brings it")
        pytest.skip(f"{CHROMIUM} is not installed; {why}")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS.split())
        yield started
        started.close()


@pytest.fixture
def look(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page. What a strict policy stops, and every fault of a script, fails the test."""
    opened: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(path: str = "/", *, width: int = 1440, height: int = 900, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        opened.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", lambda sent: None if sent.url.startswith(address) else faults.append(f"asked {sent.url}"))
        page.goto(address + path)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert not faults, faults
