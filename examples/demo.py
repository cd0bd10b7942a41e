"""What `make demo` runs: make the sample PDFs, index them, ask, and draw the evidence on the pages.

python examples/demo.py [OUTPUT_FOLDER]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from make_samples import QUESTIONS, Question, make_samples
from rich.console import Console
from rich.table import Table
from rich.text import Text

import mmrank

SHOWN = 3
ASKED = (
    "What F1 does the camera reach in the turbid Hallan estuary?",
    "hey, could you tell me what intrest the ship loan carries, and what does error code E2 of the dehumidifier mean?",
    "Which enzyme cleaves lactose?",
)
"""A clean question, a noisy one that asks two things, and one that nothing answers."""
RERANKER = "listwise"
"""SmolLM2 with the adapter that was trained for it."""


def answers(hit: mmrank.Hit, question: Question) -> bool:
    """Whether it is the page that answers."""
    return hit.document == question.document and hit.page == question.page


def main(output: Path) -> int:
    """Run the demo; returns an exit code."""
    console = Console()
    samples = output / "samples"
    make_samples(samples)
    console.print(f"Sample PDFs: {samples}")
    right = plain = 0
    drawn = []
    with mmrank.Collection.create(
        output / "samples.mmrank", exist_ok=True, rerank_depth=4, rerank_passages=1
    ) as library:
        started = time.perf_counter()
        report = library.add(samples)
        seconds = time.perf_counter() - started
        console.print(
            f"Indexed {len(report.added)} documents ({report.pages} pages) in {seconds:.1f} s,"
            f" {len(report.unchanged)} were there already.\n"
        )
        for number, question in enumerate(QUESTIONS, 1):
            hits = library.search(question.text, k=SHOWN, rerank=RERANKER)
            found = answers(hits[0], question)
            right += found
            plain += answers(library.search(question.text, k=1, rerank="none")[0], question)
            table = Table(
                title=f"{number}. {question.text}", title_justify="left", title_style="bold", show_header=False
            )
            for hit in hits:
                boxes = " ".join(f"[{box.x0:.0f} {box.y0:.0f} {box.x1:.0f} {box.y1:.0f}]" for box in hit.boxes)
                evidence = Text(hit.snippet[:160] + "\n")
                if hit.reasoning:
                    evidence.append(hit.reasoning + "\n", style="green")
                evidence.append(boxes, style="dim")
                table.add_row(f"{hit.document}\npage {hit.page_number}", f"{hit.score:.2f}", evidence)
            console.print(table)
            picture = output / f"{number:02}-{Path(hits[0].document).stem}-p{hits[0].page_number}.png"
            hits[0].image().save(picture)
            drawn.append(picture)
            mark = "✓" if found else f"✗ expected {question.document}, page {question.page + 1}"
            console.print(f"   answer: {question.answer} (in a {question.where}) {mark}\n", highlight=False)
        answered = show_answers(library, console, output)
    console.print(
        f"{right} of {len(QUESTIONS)} questions have the right page first with {RERANKER} as reranker,"
        f" {plain} by retrieval alone."
    )
    console.print(f"The pages, with the evidence outlined: {drawn[0].parent}/01-….png and {len(drawn) - 1} more")
    console.print(f"The answers, with what they rest on outlined: {answered[0].parent}/answer-….png")
    console.print(f"Ask them yourself in the browser: {Path(sys.executable).parent}/mmrank serve {library.path}")
    return 0


def show_answers(library: mmrank.Collection, console: Console, output: Path) -> list[Path]:
    """Ask three questions, print the answers with their boxes, and draw the cited pages."""
    drawn = []
    for asked in ASKED:
        answer = library.ask(asked)
        console.print(Text(f"? {asked}", style="bold"))
        for step in answer.trace:
            if step.name in {"rewrite", "decompose"}:
                console.print(Text(f"  {step.name}: {step.detail}", style="dim"))
        if answer.abstained:
            console.print(Text(f"  {answer.text}", style="yellow"))
        for sentence in answer.sentences:
            console.print(Text(f"  {sentence.text}", style="green"))
            for hit in sentence.hits:
                boxes = " ".join(f"[{box.x0:.0f} {box.y0:.0f} {box.x1:.0f} {box.y1:.0f}]" for box in hit.boxes)
                console.print(Text(f"    {hit.document}, page {hit.page_number} {boxes}", style="dim"))
                drawn.append(output / f"answer-{len(drawn) + 1}.png")
                hit.image().save(drawn[-1])
        console.print()
    return drawn


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output")))
