"""The sample collection: five kinds of PDF made on the spot, and questions to ask them.

Run it to write the files: `python examples/make_samples.py samples/`
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parent))

from samples import letter, manual, paper, report, slides


@dataclass(frozen=True, slots=True)
class Question:
    """A question, where its answer stands (0-based page), in what, and the answer."""

    text: str
    document: str
    page: int
    where: Literal["table", "chart", "scan", "text", "figure"]
    answer: str


QUESTIONS = (
    Question("How many passengers travelled on the Skerry route in 2025?", report.NAME, 2, "chart", "471 thousand"),
    Question("How punctual were the ferries in the third quarter of 2024?", report.NAME, 2, "chart", "90.1 %"),
    Question("How many litres of diesel did a crossing burn in 2022?", report.NAME, 3, "chart", "797 litres"),
    Question("Which ferry is kept as a reserve, and when was it built?", report.NAME, 3, "table", "Gannet, 1994"),
    Question(
        "What did fuel and electricity cost the ferry company in 2025?", report.NAME, 4, "table", "£9,482 thousand"
    ),
    Question("What interest does the ship loan carry?", report.NAME, 5, "text", "3.9 per cent"),
    Question("What was the lowest tender for dredging the berth?", letter.NAME, 0, "scan", "£46,800"),
    Question("How deep was the water at the first dolphin in August 1987?", letter.NAME, 1, "scan", "3.8 metres"),
    Question(
        "At what hour of the day do eelgrass bubbles peak?", paper.NAME, 1, "chart", "14, with 164 onsets a minute"
    ),
    Question("What F1 does the camera reach in the turbid Hallan estuary?", paper.NAME, 2, "table", "0.19"),
    Question("What does a survey by divers cost per hectare?", paper.NAME, 2, "chart", "118 euros"),
    Question("Which equation gives the frequency of a ringing bubble?", paper.NAME, 0, "text", "Equation 1"),
    Question("What does error code E2 of the dehumidifier mean?", manual.NAME, 5, "table", "The coil is frozen"),
    Question("How long may the drainage hose be?", manual.NAME, 2, "text", "5 m"),
    Question(
        "Which filter lies between the housing and the air filter?", manual.NAME, 4, "figure", "The charcoal filter"
    ),
    Question("What share of the school's heat is lost through the roof?", slides.NAME, 2, "chart", "34 %"),
    Question("How loud are air-source pumps at the school's fence?", slides.NAME, 3, "table", "43 dB"),
    Question(
        "How deep are the bores drilled for the school, and how many?", slides.NAME, 4, "figure", "24 bores of 99 m"
    ),
)
"""Questions about the collection; those marked "chart", "scan" or "table" are answered nowhere else."""


def make_samples(folder: Path | str) -> list[Path]:
    """Write the collection into a folder, which is made where it is missing. Returns the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [kind.make(folder) for kind in (report, letter, paper, manual, slides)]


def make_benchmark(folder: Path | str) -> None:
    """Write the collection and its questions as `mmrank eval` takes them: documents/ and questions.jsonl."""
    make_samples(Path(folder) / "documents")
    rows = [{"question": q.text, "answer": q.answer, "document": q.document, "pages": [q.page]} for q in QUESTIONS]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (Path(folder) / "questions.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    for path in make_samples(sys.argv[1] if len(sys.argv) > 1 else "samples"):
        print(path)
