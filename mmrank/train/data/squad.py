"""Examples from pairs of question and sentence in the order of their articles (SQuAD)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, numbered_lines
from mmrank.train.data.negatives import hard_negatives, word_overlap

BLOCK = 400
"""So many neighbouring pairs count as one document: about the length of an article."""


def squad_sentences(path: Path, *, words: int = 90, negatives: int = 3, around: int = 12) -> Iterator[RankingExample]:
    """Read lines of `query`, `positive` (a sentence), `position`, `part`.

    Consecutive sentences are joined into passages of about `words` words, the length of a document's passages. Hard
    negatives are those of the `around` passages before and after the right one that share most words with the question.

    Raises:
        InputError: for a line in another form, by its number.
    """
    rows = []
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            rows.append((str(row["part"]), int(row["position"]), str(row["query"]), str(row["positive"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {number}: not a question and sentence pair ({error!r})") from error
    rows.sort(key=lambda row: row[:2])
    for (part, block), found in groupby(rows, key=lambda row: (row[0], row[1] // BLOCK)):
        pairs = [(query, sentence) for _, _, query, sentence in found]
        passages, place = _passages([sentence for _, sentence in pairs], words)
        for query, sentence in pairs:
            right = place[sentence]
            first = max(0, right - around)
            pool = passages[first : right + around + 1]
            hard = hard_negatives(query, pool, {right - first}, word_overlap, count=negatives)
            yield RankingExample(query, (passages[right],), tuple(pool[i] for i in hard), f"{part}-{block}")


def _passages(sentences: Sequence[str], words: int) -> tuple[list[str], dict[str, int]]:
    passages: list[list[str]] = [[]]
    place: dict[str, int] = {}
    length = 0
    for sentence in dict.fromkeys(sentences):
        size = len(sentence.split())
        if passages[-1] and length + size > words:
            passages.append([])
            length = 0
        passages[-1].append(sentence)
        place[sentence] = len(passages) - 1
        length += size
    return [" ".join(passage) for passage in passages], place
