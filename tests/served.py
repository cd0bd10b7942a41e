"""What the tests of the service serve, and where."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf

HERE = "http://localhost"

PAGES = {
    "ferry.pdf": [
        "The ferry to Anholt leaves at seven in the morning. A ticket costs 340 crowns.",
        "Bicycles travel for free. Dogs stay on the lower deck.",
    ],
    "harbour/cranes.pdf": ["The blue crane lifts ninety tonnes and was built in 1962."],
    "kitchen.pdf": ["The oven heats to 250 degrees. Bake the rye bread for fifty minutes."],
}


def write_pdf(path: Path, pages: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as file:
        for text in pages:
            file.new_page(width=300, height=200).insert_textbox((20, 20, 280, 180), text, fontsize=11)
        file.save(path)
    return path
