"""How well elements fit gold layout boxes, and how well BM25 finds pages with their text.

    python benchmarks/layout_boxes.py --data ../shared/mmdocir --cache DIR [--layout fast model] [--no-ocr]
    python benchmarks/layout_boxes.py --gold-pages    boxes only, reading only the pages that hold gold boxes

For every gold box of the development split: the share of it that elements of a fitting kind cover, the best
intersection over union of one element, and how large the covering elements are beside it. "blocks" is what
PyMuPDF itself calls the blocks and pictures of a page: the state before; "parts" are those that are not page-wide (a
box as large as the page covers everything and tells nothing). For pages: recall of BM25 over
each document's own pages, with the text of our elements and with PyMuPDF's text (scans recognised whole).
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrank.ingest import IngestOptions, read_documents
from mmrank.ingest.assemble import assemble
from mmrank.ingest.drafts import hull
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.opening import opened
from mmrank.ingest.pages import page_draft
from mmrank.ingest.store import DocumentStore
from mmrank.types import BBox, Document, ElementKind

FITTING = {
    "Table": {ElementKind.TABLE},
    "Chart": {ElementKind.CHART, ElementKind.FIGURE},
    "Figure": {ElementKind.FIGURE, ElementKind.CHART},
    "Text": set(ElementKind) - {ElementKind.TABLE, ElementKind.CHART, ElementKind.FIGURE},
    "Layout": set(ElementKind),
    "Mixed": set(ElementKind),
}
Boxes = dict[int, list[tuple[ElementKind | None, BBox]]]


def modality(told: str) -> str:
    """One word for the type of a question's evidence."""
    kinds = ast.literal_eval(told) if told else []
    if len(kinds) != 1:
        return "Mixed"
    return {"Pure-text (Plain-text)": "Text", "Generalized-text (Layout)": "Layout"}.get(kinds[0], kinds[0])


def covered(gold: BBox, boxes: Sequence[BBox]) -> float:
    """Share of the gold box under the union of the others, on a 64 × 64 grid."""
    grid = np.zeros((64, 64), bool)
    for box in boxes:
        common = gold.intersection(box)
        if common:
            x0, x1 = ((np.array([common.x0, common.x1]) - gold.x0) / gold.width * 64).round().astype(int)
            y0, y1 = ((np.array([common.y0, common.y1]) - gold.y0) / gold.height * 64).round().astype(int)
            grid[y0:y1, x0:x1] = True
    return float(grid.mean())


def fit(rows: list[dict[str, Any]], pages: dict[str, Boxes]) -> dict[str, dict[str, float]]:
    """Mean coverage, best IoU and size ratio by modality, over gold boxes."""
    found: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    for row in rows:
        for question in row["questions"]:
            kind = modality(question["type"])
            for spot in question["layout_mapping"]:
                gold = BBox(*spot["bbox"])
                if not gold.area:
                    continue
                everything = pages[row["doc_name"]].get(spot["page"], [])
                fitting = [box for k, box in everything if k is None or k in FITTING[kind]]
                touching = [box for box in fitting if box.overlap(gold) > 0.1 * min(box.area, gold.area)]
                best = max((box.iou(gold) for box in fitting), default=0.0)
                anyone = max((box.iou(gold) for _, box in everything), default=0.0)
                size = sum(box.area for box in touching) / gold.area
                for name in (kind, "all"):
                    found[name].append((covered(gold, touching), best, size, anyone))
    return {
        name: {
            "boxes": len(values),
            "coverage": round(float(np.mean([v[0] for v in values])), 3),
            "best_iou": round(float(np.mean([v[1] for v in values])), 3),
            "any_iou": round(float(np.mean([v[3] for v in values])), 3),
            "size": round(float(np.median([v[2] for v in values])), 2),
        }
        for name, values in sorted(found.items())
    }


WORD = re.compile(r"[a-z0-9]+")


def recall(rows: list[dict[str, Any]], texts: dict[str, list[str]]) -> dict[str, float]:
    """Page recall at 1, 3, 5 and 10 of BM25 over the pages of each question's document, mean over questions."""
    sums: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        pages = [WORD.findall(text.lower()) for text in texts[row["doc_name"]]]
        scores_of = _bm25(pages)
        for question in row["questions"]:
            scores = scores_of(WORD.findall(question["Q"].lower()))
            order = np.argsort(-scores, kind="stable")
            gold = set(question["page_id"])
            for k in (1, 3, 5, 10):
                sums[k].append(len(gold & set(order[:k].tolist())) / len(gold))
    return {f"R@{k}": round(float(np.mean(values)), 3) for k, values in sums.items()}


def _bm25(pages: list[list[str]], k1: float = 1.2, b: float = 0.75) -> Any:
    lengths = np.array([max(1, len(page)) for page in pages])
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    counts: dict[str, np.ndarray] = {}
    for at, page in enumerate(pages):
        for word in page:
            counts.setdefault(word, np.zeros(len(pages)))[at] += 1

    def score(query: list[str]) -> np.ndarray:
        total = np.zeros(len(pages))
        for word in query:
            if word in counts:
                tf, df = counts[word], np.count_nonzero(counts[word])
                total += np.log(1 + (len(pages) - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + norm)
        return total

    return score


def plain(path: Path, recogniser: Recogniser | None) -> tuple[Boxes, Boxes, list[str]]:
    """PyMuPDF's own blocks and pictures, those that are not page-wide, and its text (pages without: recognised)."""
    import pymupdf

    boxes: Boxes = {}
    parts: Boxes = {}
    texts: list[str] = []
    with pymupdf.open(path) as file:
        for page in file:
            blocks = [b for b in page.get_text("dict")["blocks"] if pymupdf.Rect(b["bbox"]).is_valid]
            boxes[page.number] = [
                (ElementKind.FIGURE if b["type"] else ElementKind.TEXT, BBox(*b["bbox"])) for b in blocks
            ]
            ground = 0.8 * page.rect.width * page.rect.height
            parts[page.number] = [
                (kind, box) for kind, box in boxes[page.number] if kind is ElementKind.TEXT or box.area < ground
            ]
            text = page.get_text()
            pictures = page.get_image_info()
            if recogniser and pictures and len(text.strip()) < 20:
                shown = [tuple(pymupdf.Rect(p["bbox"]) & page.rect) for p in pictures]
                density = max(p["width"] / max(1.0, box[2] - box[0]) for p, box in zip(pictures, shown, strict=True))
                text = " ".join(line.text for line in recogniser.lines(page, hull(shown), density))
            texts.append(text)
    return boxes, parts, texts


def main() -> None:
    """Print one line a modality and arm, then all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/mmdocir"))
    parser.add_argument("--cache", type=Path, default=None, help="keeps documents and recognised pictures")
    parser.add_argument("--layout", nargs="+", default=["fast", "model"])
    parser.add_argument("--no-ocr", action="store_true")
    parser.add_argument("--gold-pages", action="store_true", help="read only the pages that hold gold boxes")
    given = parser.parse_args()
    rows = [json.loads(line) for line in (given.data / "annotations.jsonl").read_text().splitlines()]
    files = [(given.data / "documents" / row["doc_name"], row["doc_name"]) for row in rows]

    figures: dict[str, Any] = {}
    arms: dict[str, tuple[dict[str, Boxes], dict[str, list[str]]]] = {}
    boxes, parts, texts = reference(files, given)
    arms["blocks"], arms["parts"] = (boxes, texts), (parts, {})
    for layout in given.layout:
        options = IngestOptions(layout=layout, ocr=not given.no_ocr)
        if given.gold_pages:
            started = time.perf_counter()
            arms[layout] = {row["doc_name"]: gold_pages(given, row, options) for row in rows}, {}
            print(f"{layout:7} read in {time.perf_counter() - started:.0f} s")
            continue
        documents = {
            outcome.name: outcome.document for outcome in read_documents(files, options=options, cache=given.cache)
        }
        arms[layout] = ours(documents)
    for arm, (boxes, texts) in arms.items():
        figures[arm] = {"boxes": fit(rows, boxes)}
        for name, values in figures[arm]["boxes"].items():
            print(f"{arm:7} {name:7}", *(f"{key} {value:<6}" for key, value in values.items()))
        if texts and not given.gold_pages:
            figures[arm]["pages"] = recall(rows, texts)
            print(f"{arm:7} BM25   ", figures[arm]["pages"])
    ratios = {}
    for arm, before in ((arm, before) for arm in given.layout for before in ("blocks", "parts")):
        for measure in ("coverage", "best_iou"):
            told = [figures[name]["boxes"]["all"][measure] for name in (before, arm)]
            ratios[f"{arm}_{measure}_vs_{before}"] = round(told[1] / told[0], 2)
    for arm in given.layout if not given.gold_pages else []:
        told = [figures[name]["pages"]["R@1"] for name in ("blocks", arm)]
        ratios[f"{arm}_bm25_vs_plain_text"] = round(told[1] / told[0], 2)
    print(json.dumps({"benchmark": "layout_boxes", "ratios": ratios, "figures": figures}))


def reference(
    files: list[tuple[Path, str]], given: argparse.Namespace
) -> tuple[dict[str, Boxes], dict[str, Boxes], dict[str, list[str]]]:
    """Boxes, boxes that are not page-wide, and texts of the state before."""
    recogniser = None
    if not (given.no_ocr or given.gold_pages):
        recogniser = Recogniser(DocumentStore(given.cache, IngestOptions()).ocr_folder if given.cache else None)
    told = {name: plain(path, recogniser) for path, name in files}
    return tuple({name: one[at] for name, one in told.items()} for at in range(3))  # type: ignore[return-value]


def gold_pages(given: argparse.Namespace, row: dict[str, Any], options: IngestOptions) -> Boxes:
    """Boxes of our elements on the pages of a document that hold gold boxes, read in this process."""
    path = given.data / "documents" / row["doc_name"]
    wanted = {spot["page"] for question in row["questions"] for spot in question["layout_mapping"]}
    recogniser = None if given.no_ocr else Recogniser(given.cache and DocumentStore(given.cache, options).ocr_folder)
    with opened(path, options.limits) as file:
        drafts = [page_draft(file[number], number, options, recogniser) for number in sorted(wanted)]
    document = assemble(drafts, document_id="x", name=path.name, path=str(path), metadata={}, options=options)
    return {page.page: [(e.kind, e.box) for e in page.elements] for page in document.pages}


def ours(documents: dict[str, Document | None]) -> tuple[dict[str, Boxes], dict[str, list[str]]]:
    """Boxes and texts of our elements."""
    boxes: dict[str, Boxes] = {}
    texts: dict[str, list[str]] = {}
    for name, document in documents.items():
        assert document is not None, name
        boxes[name] = {page.page: [(e.kind, e.box) for e in page.elements] for page in document.pages}
        texts[name] = ["\n".join(e.text for e in page.elements) for page in document.pages]
    return boxes, texts


if __name__ == "__main__":
    main()
