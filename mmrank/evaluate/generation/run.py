"""Runs the tasks item by item. A run file keeps each, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.generation.asking import Arms, ask_question, rank_judged
from mmrank.evaluate.generation.data import TASKS, GenerationData
from mmrank.evaluate.generation.modelling import Modelling, Step, documents, score_step, steps
from mmrank.evaluate.generation.sources import Generator, Retriever, Writing
from mmrank.llm.protocol import ChatModel, LanguageModel
from mmrank.rerankers.protocol import Reranker

BLOCK = 16
"""Steps of language modelling that an interval takes as one: neighbours have their text in common."""
SEED = 20261127
"""Of the draw of questions and blocks."""
LOG_PROBABILITY = "log-probability per token"

Drawn = TypeVar("Drawn")
Found = tuple[Mapping[str, Mapping[str, float]], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Item:
    """What one item of a task gave: measures by arm; `group` is what intervals draw."""

    task: str
    id: str
    group: str
    arms: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Choice(Writing):
    """How texts are written, found and read.

    Attributes:
        depth: texts that are retrieved.
        rerank_depth: texts that a reranker sees.
        read: texts that the reader sees.
    """

    depth: int = 20
    rerank_depth: int = 20
    read: int = 3

    def __post_init__(self) -> None:
        Writing.__post_init__(self)
        if min(self.depth, self.rerank_depth, self.read) < 1:
            raise InputError("depth, rerank_depth and read are numbers of at least 1")


def compare_generation(
    data: GenerationData,
    encoder: Any,
    model: ChatModel,
    rerankers: Mapping[str, Reranker],
    *,
    tasks: Sequence[str] | None = None,
    choice: Choice | None = None,
    modelling: Modelling | None = None,
    items: int | None = None,
    scored: int | None = None,
    run: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Item]:
    """Compare retrieved, generated and merged text on each task.

    Args:
        data: passages and what is asked of them.
        encoder: one vector per text.
        model: writes documents and answers, and is the language model.
        rerankers: by name.
        tasks: some of `TASKS`; by default those that there is data for.
        choice: how texts are found, written and read.
        modelling: how text is scored.
        items: ask at most so many questions of each kind, drawn by a fixed seed; more of them hold those of fewer.
        scored: score at most so many tokens of the text, in blocks drawn likewise.
        run: keeps each item; items that it has are not run again.
        progress: called with how many items are done and how many there are.

    Raises:
        InputError: for a task that there is no data for, a model that cannot do it, or a run file made otherwise.
    """
    choice, modelling = choice or Choice(), modelling or Modelling()
    wanted = list(data.tasks if tasks is None else tasks)
    for task in wanted:
        if task not in data.tasks:
            raise InputError(f"there is no data for the task {task!r}; there is for: {', '.join(data.tasks)}")
    if "modelling" in wanted and not isinstance(model, LanguageModel):
        raise InputError(
            f"{model.info.name} gives no log-probability of a given text, which the task modelling needs; use a model"
            " that transformers or llama.cpp runs, or leave the task out"
        )
    settings = {
        "model": model.info.name,
        "encoder": encoder.info.name,
        "rerankers": sorted(rerankers),
        "passages": len(data.passages),
        **asdict(choice),
        **asdict(modelling),
    }
    kept = _Kept(run, settings)
    retriever = Retriever(data.passages, encoder)
    generator = Generator(model, retriever, choice)
    arms = Arms(retriever, generator, rerankers, choice.depth, choice.rerank_depth)
    planned = list(_planned(data, wanted, arms, model, choice, modelling, items, scored))
    found = []
    for done, (task, id_, group, work) in enumerate(planned, start=1):
        item = kept.get(task, id_)
        if item is None:
            measures, shown = work()
            item = Item(task, id_, group, measures)
            kept.add(item, shown)
        found.append(item)
        progress(done, len(planned))
    return found


def _planned(
    data: GenerationData,
    wanted: Sequence[str],
    arms: Arms,
    model: Any,
    choice: Choice,
    how: Modelling,
    items: int | None,
    scored: int | None,
) -> Iterator[tuple[str, str, str, Callable[[], Found]]]:
    """Task, id, group of each item, and what runs it."""
    for task in (task for task in TASKS if task in wanted):
        if task == "questions":
            for question in _drawn(data.questions, items):
                ask = partial(ask_question, question, arms, model, passages=choice.read)
                yield task, question.id, question.id, ask
        elif task == "reranking":
            for query in _drawn(list(data.qrels), items):
                yield task, query, query, partial(rank_judged, data.queries[query], data.qrels[query], arms)
        else:
            ids = model.text_ids(data.text)
            cut = list(steps(ids, how))
            blocks = [cut[at : at + BLOCK] for at in range(0, len(cut), BLOCK)]
            if not blocks:
                raise InputError(f"the text has {len(ids)} tokens; {how.query + how.stride} are needed to score any")
            wanted_blocks = None if scored is None else max(1, scored // (BLOCK * how.stride))
            for block in _drawn(blocks, wanted_blocks):
                for step in block:
                    yield task, str(step.at), str(block[0].at), partial(_model_text, model, step, arms, how)


def _model_text(model: Any, step: Step, arms: Arms, how: Modelling) -> Found:
    question = model.text_of(step.query)
    found = documents(question, arms.retriever, arms.generator, arms.rerankers, how)
    chosen = {arm: "" if one is None else one.text for arm, one in found.items()}
    values = score_step(model, step, chosen, how)
    sources = {arm: None if one is None else [one.source, one.id] for arm, one in found.items()}
    measures = {
        arm: {
            LOG_PROBABILITY: value,
            "has a document": float(found[arm] is not None),
            "documents generated": float(one is not None and one.source == "generated"),
        }
        for (arm, value), one in zip(values.items(), found.values(), strict=True)
    }
    return measures, {"query": question, "documents": sources}


def _drawn(items: Sequence[Drawn], limit: int | None) -> list[Drawn]:
    if limit is None or limit >= len(items):
        return list(items)
    return random.Random(SEED).sample(items, len(items))[:limit]


class _Kept:
    """The run file: its settings in the first line, then one line per item."""

    def __init__(self, path: Path | None, settings: Mapping[str, object]) -> None:
        self._path = path
        self._items: dict[tuple[str, str], Item] = {}
        if path is None:
            return
        if path.is_file() and path.stat().st_size:
            self._read(path, settings)
        else:
            self._write({"settings": settings})

    def get(self, task: str, id_: str) -> Item | None:
        """The item, where it was run."""
        return self._items.get((task, id_))

    def add(self, item: Item, shown: Mapping[str, object]) -> None:
        """Keep an item, and what is worth looking at."""
        self._write({**asdict(item), "shown": shown})

    def _read(self, path: Path, settings: Mapping[str, object]) -> None:
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # the last line was cut short
            path.write_text(whole, encoding="utf-8")
        try:
            first, *rows = [json.loads(line) for line in whole.splitlines()]
            made = first["settings"]
            items = [Item(row["task"], row["id"], row["group"], row["arms"]) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not a run file of this comparison ({error!r}); name another") from error
        if made != settings:
            other = sorted(name for name in settings if settings[name] != made.get(name)) or sorted(made)
            raise InputError(f"{path} was made with another choice of {', '.join(other)}; name another file")
        self._items = {(item.task, item.id): item for item in items}

    def _write(self, row: Mapping[str, object]) -> None:
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            raise MmrankError(f"{self._path} cannot be written: {error.strerror or error}") from error
