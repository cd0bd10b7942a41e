"""Candidates and runs as other tools write them: LangChain, LlamaIndex, Haystack and MTEB."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.evaluate.text_benchmarks import Run


def plain_entry(entry: Mapping[str, Any], position: int) -> Mapping[str, Any]:
    """A candidate with `id`, `text` and, where it has one, `score`; one in mmrank's own form is returned as it is.

    Args:
        entry: what `Document.model_dump()` or `dumpd` of LangChain, `NodeWithScore.to_dict()` or `TextNode.to_dict()`
            of LlamaIndex, or `Document.to_dict()` of Haystack give.
        position: its place in the list, from 1; names a document of LangChain that has no id.

    >>> plain_entry({"page_content": "At nine.", "metadata": {}, "id": None}, 1)
    {'id': '1', 'text': 'At nine.'}
    >>> plain_entry({"node": {"id_": "a", "text": "At nine."}, "score": 0.5}, 1)
    {'id': 'a', 'text': 'At nine.', 'score': 0.5}
    """
    if "lc" in entry and isinstance(entry.get("kwargs"), Mapping):
        entry = entry["kwargs"]
    score = {} if entry.get("score") is None else {"score": entry["score"]}
    if "page_content" in entry:
        return {"id": str(position) if entry.get("id") is None else entry["id"], "text": entry["page_content"]}
    if isinstance(entry.get("node"), Mapping):
        entry = entry["node"]
    if "id_" in entry:
        return {"id": entry["id_"], "text": entry["text"], **score}
    if "content" in entry and "text" not in entry:
        return {"id": entry["id"], "text": entry["content"] or "", **score}
    return entry


def read_mteb_run(path: Path) -> Run:
    """Read what `mteb.evaluate(…, prediction_folder=…)` writes: one task with one subset and one split.

    Raises:
        InputError: when it is something else, or holds several subsets or splits.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        splits = [
            (f"{subset}/{split}", found)
            for subset, held in written.items()
            if subset != "mteb_model_meta"
            for split, found in held.items()
        ]
        runs = {
            name: {query: {one: float(score) for one, score in scores.items()} for query, scores in found.items()}
            for name, found in splits
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no predictions of a retrieval task of MTEB: {error}") from error
    if len(runs) != 1:
        raise InputError(f"{path} holds {', '.join(runs) or 'nothing'}; keep one subset and split of the task in it")
    (run,) = runs.values()
    return run
