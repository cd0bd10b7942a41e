"""Tables found and their cells: ours and pymupdf4llm's, on the same pages in one run.

    python benchmarks/tables.py [--tables 6] [--data ../shared/mmdocir] [--show FOLDER]

**Made tables.** Every style below is drawn `--tables` times with seeded words and numbers, on a page of its own
between running text. A cell is right when its neighbours are: the measure is the F1 of adjacency relations (Göbel et
al., "A Methodology for Evaluating Algorithms for Table Understanding in PDF Documents", DocEng 2012): pairs of a text
and the next text to the right or below, empty cells left out, all tables of a page together. Every arm is read from
its Markdown.

**Gold boxes.** With `--data`, the pages of MMDocIR's development split that hold the boxes of questions about tables.
Their cells are not known, so the measure is how well the words of a table found are the words in the gold box (F1).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from made_tables import STYLES, Rows, make, relations

from mmrank.ingest import IngestOptions, read_document


def from_markdown(text: str) -> list[Rows]:
    """The pipe tables of a Markdown text."""
    tables: list[Rows] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if line.lstrip().startswith("|") and cells:
            if not inside:
                tables.append([])
            inside = True
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                tables[-1].append(cells)
        else:
            inside = False
    return tables


def ours(path: Path) -> dict[int, list[Rows]]:
    """Tables of each page as mmrank reads them."""
    document = read_document(path, options=IngestOptions(ocr=False))
    return {
        page.page: [table for e in page.elements if e.table for table in from_markdown(e.text)]
        for page in document.pages
    }


def pymupdf4llm(path: Path) -> dict[int, list[Rows]]:
    """Tables of each page as pymupdf4llm writes them."""
    import pymupdf4llm

    with contextlib.redirect_stdout(io.StringIO()):
        chunks = pymupdf4llm.to_markdown(str(path), use_ocr=False, page_chunks=True)
    return {at: from_markdown(chunk["text"]) for at, chunk in enumerate(chunks)}


ARMS: dict[str, Callable[[Path], dict[int, list[Rows]]]] = {
    "ours": ours,
    "pymupdf4llm": pymupdf4llm,
}


def f1(found: Counter[Any], gold: Counter[Any]) -> float:
    """Harmonic mean of precision and recall of two bags."""
    common = sum((found & gold).values())
    return 2 * common / max(1, sum(found.values()) + sum(gold.values()))


def mean(values: Iterable[float]) -> float:
    """Mean to three digits, 0 of nothing."""
    held = list(values)
    return round(sum(held) / max(1, len(held)), 3)


def made_tables(count: int, arms: list[str], show: Path | None) -> dict[str, dict[str, float]]:
    """Mean F1 of each arm by style and over all, with seconds."""
    scores: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = show or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        made = make(folder, count)
        for arm in arms:
            started = time.perf_counter()
            told = []
            for style, path, gold in made:
                found: Counter[tuple[str, str, str]] = Counter()
                for tables in ARMS[arm](path).values():
                    for rows in tables:
                        found += relations(rows)
                told.append((style, f1(found, gold)))
            scores[arm] = {style.__name__: mean(v for s, v in told if s == style.__name__) for style in STYLES}
            scores[arm]["all"] = mean(v for _, v in told)
            scores[arm]["seconds"] = round(time.perf_counter() - started, 1)
    return scores


def gold_boxes(data: Path, arms: list[str]) -> dict[str, float]:
    """Mean F1 of the words of each page's tables against the words in the gold boxes of its table questions."""
    import pymupdf

    spots: dict[tuple[str, int], set[tuple[float, ...]]] = {}
    for line in (data / "annotations.jsonl").read_text().splitlines():
        row = json.loads(line)
        for question in row["questions"]:
            if ast.literal_eval(question["type"] or "[]") == ["Table"]:
                for spot in question["layout_mapping"]:
                    spots.setdefault((row["doc_name"], spot["page"]), set()).add(tuple(spot["bbox"]))
    told: dict[str, list[float]] = {arm: [] for arm in arms}
    with tempfile.TemporaryDirectory() as temporary:
        for (name, number), boxes in sorted(spots.items()):
            path = Path(temporary) / "page.pdf"
            with pymupdf.open(data / "documents" / name) as source, pymupdf.open() as part:
                if len(source[number].get_text().strip()) < 20:
                    continue
                part.insert_pdf(source, from_page=number, to_page=number)
                part.save(path)
                wanted = [[w[4] for w in source[number].get_text("words", clip=box)] for box in sorted(boxes)]
            for arm in arms:
                found = [
                    Counter(words_of(" ".join(cell for row in rows for cell in row)))
                    for tables in ARMS[arm](path).values()
                    for rows in tables
                ]
                for words in wanted:
                    gold = Counter(words_of(" ".join(words)))
                    told[arm].append(max((f1(bag, gold) for bag in found), default=0.0))
    return {arm: mean(values) for arm, values in told.items()} | {"boxes": len(told[arms[0]])}


def words_of(text: str) -> list[str]:
    """Words and numbers, lower case, without marks and leading dots."""
    return re.findall(r"[^\W_]+", text.lower())


def main() -> None:
    """Print F1 by style and arm, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=6, help="made tables of each style")
    parser.add_argument("--data", type=Path, help="MMDocIR's folder, for its gold boxes")
    parser.add_argument("--show", type=Path, help="keep the made files here")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    given = parser.parse_args()
    made = made_tables(given.tables, given.arms, given.show)
    print(f"{'style':16}", *(f"{arm:>12}" for arm in given.arms))
    for style in made[given.arms[0]]:
        print(f"{style:16}", *(f"{made[arm][style]:12.3f}" for arm in given.arms))
    figures: dict[str, Any] = {"made": made}
    if given.data:
        figures["gold_boxes"] = gold_boxes(given.data, given.arms)
        print(f"{'gold boxes':16}", *(f"{figures['gold_boxes'][arm]:12.3f}" for arm in given.arms))
    ratios: dict[str, float] = {}
    for arm in given.arms:
        if arm != "ours" and "ours" in made:
            ratios[f"cells_vs_{arm}"] = round(made["ours"]["all"] / max(0.001, made[arm]["all"]), 2)
            if given.data:
                ratios[f"gold_words_vs_{arm}"] = round(
                    figures["gold_boxes"]["ours"] / max(0.001, figures["gold_boxes"][arm]), 2
                )
    print(json.dumps({"benchmark": "tables", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()
