from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

WIDTH, HEIGHT = 400, 500

DOCUMENTS = {
    "whales.pdf": (
        "Guidebook",
        [
            "Whales of the northern sea, a guide for sailors and for those who watch from the shore.",
            "The blue whale grows to thirty metres and eats krill, four tonnes of it on a summer day.",
            "The sperm whale dives to two thousand metres and hunts giant squid in the dark down there.",
        ],
    ),
    "Nordbank.pdf": (
        "Financial report",
        [
            "Nordbank annual report. The board presents the accounts of the year that ended in June.",
            "Balance sheet: total assets were 512 million, and cash and deposits were 73 million of it.",
        ],
    ),
}


def question(text: str, pages: list[int], box: list[int] | None = None, kind: str = "['Pure-text (Plain-text)']"):
    spots = [{"page": page, "page_size": [WIDTH, HEIGHT], "bbox": box or [40, 40, 360, 100]} for page in pages]
    return {"Q": text, "A": "an answer", "page_id": pages, "type": kind, "layout_mapping": spots}


QUESTIONS = {
    "whales.pdf": [
        question("How long is the blue whale?", [1]),
        question("What does the sperm whale hunt?", [2], kind="['Figure', 'Table']"),
    ],
    "Nordbank.pdf": [question("What are the total assets of Nordbank?", [1], kind="[]")],
}


def make_pdf(path: Path, pages: list[str]) -> None:
    with pymupdf.open() as file:
        for text in pages:
            page = file.new_page(width=WIDTH, height=HEIGHT)
            assert page.insert_textbox((40, 40, 360, 200), text, fontsize=12) > 0
        file.save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small folder like MMDocIR's: two PDFs and three questions."""
    folder = tmp_path / "data"
    (folder / "documents").mkdir(parents=True)
    lines = []
    for name, (domain, pages) in DOCUMENTS.items():
        make_pdf(folder / "documents" / name, pages)
        lines.append(
            {
                "doc_name": name,
                "domain": domain,
                "page_indices": [10, 10 + len(pages) - 1],
                "layout_indices": [0, 5],
                "questions": QUESTIONS[name],
            }
        )
    (folder / "annotations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def edit(data: Path) -> Callable[[Callable[[list[dict]], None]], Path]:
    """Changes the annotations of `data`: given what changes the list of lines in place."""

    def change(how: Callable[[list[dict]], None]) -> Path:
        file = data / "annotations.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        how(lines)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return data

    return change
