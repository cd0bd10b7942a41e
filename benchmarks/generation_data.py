"""Makes a folder for `mmrank eval generation` from question and sentence pairs (SQuAD) and TAT-QA.

    python benchmarks/generation_data.py --training DIR OUT

Passages: neighbouring sentences of SQuAD, joined to about 90 words, and the paragraphs of TAT-QA. Judged questions:
those of SQuAD, each with the passage of its sentence. Questions with answers: those of TAT-QA whose one answer stands
in few of the passages. Text to be predicted: every tenth stretch of SQuAD's sentences, which are then in no passage.
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path

from mmrank.evaluate.generation.asking import normal

WORDS = 90
STRETCH = 30
"""Neighbouring sentences that are passages together, or text to be predicted."""
HELD = 10
"""One stretch of so many is text to be predicted."""
RARE = 5
"""An answer that stands in more passages than this would be found by chance."""


def main() -> None:
    """Write corpus.jsonl, questions.jsonl, queries.jsonl, qrels/test.tsv and text.txt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--training", type=Path, required=True, help="has squad_sentences.jsonl and tatqa.jsonl")
    parser.add_argument("--sentences", type=int, default=9000, help="so many sentences of SQuAD, evenly spread")
    given = parser.parse_args()
    passages, queries, text = _squad(given.training / "squad_sentences.jsonl", given.sentences)
    questions = _tatqa(given.training / "tatqa.jsonl", passages)
    (given.out / "qrels").mkdir(parents=True, exist_ok=True)
    _write(given.out / "corpus.jsonl", [{"_id": id_, "title": "", "text": one} for id_, one in passages.items()])
    _write(given.out / "questions.jsonl", [{"question": one, "answer": [answer]} for one, answer in questions])
    _write(given.out / "queries.jsonl", [{"_id": f"q{at}", "text": one} for at, (one, _) in enumerate(queries)])
    judged = ["query-id\tcorpus-id\tscore", *(f"q{at}\t{right}\t1" for at, (_, right) in enumerate(queries))]
    (given.out / "qrels" / "test.tsv").write_text("\n".join(judged) + "\n", encoding="utf-8")
    (given.out / "text.txt").write_text(text, encoding="utf-8")
    made = f"{len(passages)} passages, {len(questions)} questions, {len(queries)} judged questions"
    print(f"{made}, {len(text.split())} words of text")


def _squad(path: Path, most: int) -> tuple[dict[str, str], list[tuple[str, str]], str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    asked: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["part"], row["position"])):
        asked.setdefault(row["positive"], []).append(row["query"])
    stretches = [list(found) for _, found in groupby(enumerate(asked), key=lambda pair: pair[0] // STRETCH)]
    kept = max(1, most // STRETCH)
    stretches = [stretches[at * len(stretches) // kept] for at in range(kept)] if kept < len(stretches) else stretches
    passages: dict[str, str] = {}
    queries: list[tuple[str, str]] = []
    held: list[str] = []
    for number, stretch in enumerate(stretches):
        sentences = [sentence for _, sentence in stretch]
        if number % HELD == HELD - 1:
            held.append(" ".join(sentences))
            continue
        for sentence in sentences:
            id_ = f"s{len(passages) - 1}"
            full = sentence is sentences[0] or len(passages[id_].split()) + len(sentence.split()) > WORDS
            if full:
                id_ = f"s{len(passages)}"
            passages[id_] = sentence if full else f"{passages[id_]} {sentence}"
            queries += [(query, id_) for query in asked[sentence]]
    return passages, queries, "\n\n".join(held) + "\n"


def _tatqa(path: Path, passages: dict[str, str]) -> list[tuple[str, str]]:
    """Questions with their answers; adds the paragraphs to the passages."""
    asked: list[tuple[str, str]] = []
    known = set(passages.values())
    for line in path.read_text(encoding="utf-8").splitlines():
        context = json.loads(line)
        for part in context["passages"]:
            if part["kind"] == "text" and len(part["text"].split()) >= 8 and part["text"] not in known:
                known.add(part["text"])
                passages[f"t{len(passages)}"] = part["text"]
        for question in context["questions"]:
            answer = question["answer"]
            if isinstance(answer, list) and len(answer) == 1 and len(str(answer[0]).split()) <= 6:
                asked.append((question["query"], str(answer[0])))
    texts = [f" {normal(one)} " for one in passages.values()]
    return [
        (query, answer) for query, answer in asked if 0 < sum(f" {normal(answer)} " in one for one in texts) <= RARE
    ]


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
