"""The reader: a small language model that was trained to judge the first pages, added to what retrieval found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmrank.errors import InputError, MmrankError
from mmrank.llm.loading import load_chat_model
from mmrank.llm.protocol import ChatModel
from mmrank.printable import one_line
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.pointwise import Pointwise
from mmrank.rerankers.protocol import Habits, Ranking
from mmrank.rerankers.settings import ReaderSettings
from mmrank.types import Candidate, Part, PartKind, Query

ADAPTER = "adapter.safetensors"
BASE = "Qwen/Qwen2.5-0.5B-Instruct"
"""What the recipe trains unless told otherwise."""
CONFIDENT = 0.7
"""The reader is not asked where retrieval is so sure of its first page."""


class Reader:
    """Retrieval's score of each page, plus a weight times how far the model says yes rather than no.

    Args:
        model: judges; the question stands before the page in its prompt, so an engine with a prefix cache reads it
            once.
        weight: of the model's margin, as it was fitted when the model was trained.
        max_tokens: upper bound of a prompt.
        reason: whether the model writes a sentence on the first page, kept where the page supports it.
        habits: which pages it is given, and when.
    """

    name = "reader"

    def __init__(
        self, model: ChatModel, *, weight: float, max_tokens: int = 400, reason: bool = False, habits: Habits
    ) -> None:
        self._judge = Pointwise(model, total_tokens=max_tokens)
        self._model, self._weight, self._reason = model, weight, reason
        self.habits = habits

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal sums keep their order, and one that could not be judged comes last.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        ledger = Ledger()
        judged = self._judge.rerank(query, [_one_text(candidate) for candidate in candidates])
        ledger.include(judged)
        margins = {item.candidate.id: item.score for item in judged.items}
        scores = np.array([one.score + self._weight * margins[one.id] for one in candidates])
        items = ranked(candidates, scores)
        if self._reason and items:
            from mmrank.rerankers.explain import Explainer

            [said] = Explainer(self._model).explain(query, [items[0].candidate])
            items[0] = replace(items[0], reasoning=said.text if said.supported else None)
        return ledger.ranking(items, self.name)


def _one_text(candidate: Candidate) -> Candidate:
    """The candidate as one text, as it was trained on; pictures stay."""
    if any(part.image is not None for part in candidate.parts):
        return candidate
    elements = tuple(identifier for part in candidate.parts for identifier in part.element_ids)
    return replace(candidate, parts=(Part(PartKind.TEXT, candidate.text, elements),))


def load_reader(model: str, settings: ReaderSettings, of_model: Mapping[str, Any]) -> Reader:
    """A reader by its name.

    Args:
        model: see `find_reader`.
        settings: of the reader.
        of_model: settings of what runs the model, `adapter` among them.

    Raises:
        InputError: where it is not known what the model's margin counts.
        MmrankError: when the model is not here, or cannot be loaded.
    """
    found = find_reader(model, of_model.get("adapter"))
    weight = found.weight if settings.weight is None else settings.weight
    if weight is None:
        raise InputError(
            f"it is not known what the margin of {model} counts beside retrieval: name what `mmrank train reader` wrote"
            " (adapter=…), or set weight"
        )
    adapter = {} if found.adapter is None else {"adapter": found.adapter}
    chat = load_chat_model(found.base, **{**of_model, **adapter})
    habits = Habits(unit="page", depth=3, shown=False, confidence=CONFIDENT)
    return Reader(chat, weight=weight, max_tokens=settings.max_tokens, reason=settings.reason, habits=habits)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a reader is made of: a model on this machine, an adapter of it, and the weight; None where unknown."""

    base: str
    adapter: Path | None
    weight: float | None


def find_reader(model: str, adapter: str | Path | None = None) -> Trained:
    """What a name says: a folder or file that `mmrank train reader` wrote, or a base model. Nothing is fetched.

    Args:
        model: the name; one on a server (http://host/v1#model) has its adapter there.
        adapter: a file of trained weights, where the name is that of a base model.

    Raises:
        InputError: without a name: none comes with mmrank.
        MmrankError: where the base model is not on this machine.
    """
    if not model:
        raise InputError(
            "no reader comes with mmrank: train one with `mmrank train reader` (docs/training.md), and name its folder:"
            f" reader:runs/reader. Its base model, {BASE}, must be here too: `hf download {BASE}`"
        )
    from mmrank.adapters import read_adapter

    file = Path(model, ADAPTER) if os.path.isdir(model) else Path(model)  # noqa: PTH112
    trained = file.suffix == ".safetensors" and file.is_file()
    adapter = file if trained else adapter
    if not trained and model.startswith(("http://", "https://")):
        return Trained(model, None, None)
    base, weight = model, None
    if adapter is not None:
        metadata = read_adapter(adapter).metadata
        weight = float(metadata["weight"]) if "weight" in metadata else None
        base = metadata.get("base", "") if trained else model
    return Trained(_on_this_machine(base, model), Path(adapter) if adapter is not None else None, weight)


def _on_this_machine(base: str, source: str) -> str:
    """The folder or file of a model, or the hub's files of it in the cache.

    Raises:
        MmrankError: where there is none; says how to get it.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if os.path.exists(base) and base:  # noqa: PTH110
        return base
    try:
        found = [try_to_load_from_cache(base, file) for file in ("model.safetensors", "model.safetensors.index.json")]
        config = try_to_load_from_cache(base, "config.json")
    except HFValidationError:
        found, config = [], None
    if isinstance(config, str) and any(isinstance(file, str) for file in found):
        return str(Path(config).parent)
    name = one_line(base) or "a model that it does not name"
    raise MmrankError(
        f"the reader {one_line(source)} needs {name}, which is not on this machine; get it with `hf download {name}`,"
        f" or name its folder: reader:FOLDER --set adapter={ADAPTER}"
    )
