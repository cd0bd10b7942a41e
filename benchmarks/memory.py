"""Peak resident memory of ingesting a 1,000-page PDF beside a 100-page one.

    python benchmarks/memory.py [--layout fast]

Builds two PDFs of the same kind of pages (text in two columns, a table, a drawn chart, a picture), reads each
with the whole pipeline in a process of its own, and adds the peak of that process to the largest peak among its
workers.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import resource, sys
from mmrank.ingest import IngestOptions, read_documents
options = IngestOptions(layout=sys.argv[2], ocr=sys.argv[3] == "ocr")
for outcome in read_documents([(sys.argv[1], "file")], options=options, workers=2):
    assert outcome.document, outcome.error
    pages = outcome.pages
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(pages, own, workers)
"""
WORDS = (
    "harbour lantern granite meadow signal copper orchard velvet thunder compass river mosaic amber quarry "
    "falcon lattice ember willow cobalt prairie"
).split()


def build(path: Path, pages: int) -> None:
    """Write a PDF of varied pages."""
    import pymupdf

    chance = random.Random(pages)
    with pymupdf.open() as file:
        for number in range(pages):
            page = file.new_page()
            page.insert_text((72, 50), f"{number + 1}. Section about {chance.choice(WORDS)}", fontsize=16)
            for column in (72, 310):
                words = " ".join(chance.choice(WORDS) for _ in range(180))
                page.insert_textbox((column, 70, column + 215, 420), words, fontsize=9)
            for row in range(8):
                for cell, x in enumerate((72, 200, 300, 400)):
                    text = chance.choice(WORDS) if not cell else str(chance.randrange(10_000))
                    page.insert_text((x, 450 + 14 * row), text, fontsize=9)
            for bar in range(6):
                page.draw_rect(
                    (80 + 30 * bar, 740 - chance.randrange(20, 120), 100 + 30 * bar, 740), fill=(0.2, 0.4, 0.8)
                )
            samples = chance.randbytes(120 * 90 * 3)
            page.insert_image((330, 600, 500, 730), pixmap=pymupdf.Pixmap(pymupdf.csRGB, 120, 90, samples, False))
        file.save(path, deflate=True)


def peak(path: Path, layout: str, ocr: str) -> float:
    """Peak resident memory in MB of reading one file: this side and the largest worker together."""
    command = [sys.executable, "-c", CHILD, str(path), layout, ocr]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    print(
        f"{int(told[0]):5} pages: reader {int(told[2]) / 1024:.0f} MB, parent {int(told[1]) / 1024:.0f} MB", flush=True
    )
    return (int(told[1]) + int(told[2])) / 1024


def main() -> None:
    """Print both peaks, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", default="fast", choices=["fast", "model"])
    parser.add_argument("--ocr", action="store_true")
    given = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for pages in (100, 1000):
            path = Path(folder) / f"{pages}.pdf"
            build(path, pages)
            peaks.append(peak(path, given.layout, "ocr" if given.ocr else "no"))
    ratio = round(peaks[1] / peaks[0], 2)
    print(json.dumps({"benchmark": "memory", "ratios": {"peak_1000_over_100": ratio}, "megabytes": peaks}))


if __name__ == "__main__":
    main()
