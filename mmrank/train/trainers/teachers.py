"""Teachers: models that score the candidates of each question once; the scores are kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmrank.errors import InputError
from mmrank.train.data.examples import fingerprint
from mmrank.train.data.scorers import text_passages
from mmrank.train.trainers import ranks
from mmrank.train.trainers.grouped import Row


class Teacher(Protocol):
    """Scores the candidates of one question. `name` identifies the model and its scale in the file of scores."""

    name: str

    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """One score per candidate, in the range of logits; higher is better."""
        ...


class MaxSimTeacher:
    """The embedded MiniLM's token vectors compared by MaxSim, scaled to the range of logits.

    Args:
        scale: what the mean cosine is multiplied by.
    """

    def __init__(self, scale: float = 30.0) -> None:
        from mmrank.encoders.minilm import MiniLM

        self.name = f"minilm-maxsim-x{scale:g}"
        self._scale = scale
        self._encoder = MiniLM()

    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """See `Teacher`."""
        from mmrank.rerankers.late_interaction import maxsim
        from mmrank.types import Query

        asked = self._encoder.token_vectors([Query(query)], self._encoder.query_tokens)[0]
        found = self._encoder.token_vectors(text_passages(candidates), self._encoder.passage_tokens)
        return [self._scale * maxsim(asked, vectors) for vectors in found]


class LikelihoodTeacher:
    """The embedded SmolLM2: log-probability of the question after each candidate, scaled to the range of logits.

    Args:
        scale: what the summed log-probability is multiplied by. Unscaled, nearly all probability is on one candidate,
            and nothing is left to distil.
    """

    def __init__(self, scale: float = 0.3) -> None:
        from mmrank.llm.loading import load_chat_model
        from mmrank.rerankers.likelihood import Likelihood

        self.name = f"smollm2-likelihood-x{scale:g}"
        self._scale = scale
        model: Any = load_chat_model("smollm2-torch")
        self._likelihood = Likelihood(model)

    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """See `Teacher`."""
        return [self._scale * float(value) for value in self._likelihood.score(query, candidates).values]


class CrossEncoderTeacher:
    """A cross-encoder.

    Args:
        source: an adapter.safetensors of the recipe `pointwise` or `dear`, or a folder or hub name that
            sentence-transformers loads.

    Raises:
        MmrankError: when it cannot be loaded.
    """

    def __init__(self, source: str) -> None:
        self.name = source
        self._model: Any
        if source.endswith(".safetensors"):
            from mmrank.rerankers.cross_encoder import MiniLMCrossEncoder

            self._model = MiniLMCrossEncoder(source)
            return
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        from mmrank.checkpoints import find_checkpoint, loading

        checkpoint = find_checkpoint(source)
        with loading(checkpoint):
            self._model = CrossEncoder(
                source, activation_fn=Identity(), model_kwargs={"use_safetensors": True}, **checkpoint.options
            )

    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """See `Teacher`."""
        return [
            float(s)
            for s in np.asarray(
                self._model.predict([(query, text) for text in candidates], show_progress_bar=False)
            ).reshape(-1)
        ]


class FileTeacher:
    """Scores that were computed elsewhere.

    Args:
        path: JSON lines with `query`, `candidate` and `score`.

    Raises:
        InputError: when a line is not of this form.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._scores: dict[tuple[str, str], float] = {}
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    self._scores[row["query"], row["candidate"]] = float(row["score"])
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path}, line {number}: expected query, candidate and score") from error

    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """See `Teacher`.

        Raises:
            InputError: when a candidate has no score.
        """
        missing = next((text for text in candidates if (query, text) not in self._scores), None)
        if missing is not None:
            raise InputError(f"{self.name} has no score of {missing[:60]!r} for {query[:60]!r}")
        return [self._scores[query, text] for text in candidates]


def load_teacher(name: str) -> Teacher:
    """A teacher: "maxsim" or "likelihood" (both embedded), a file of scores (.jsonl), or a `CrossEncoderTeacher`.

    Raises:
        InputError: when the file of scores is not there.
    """
    if name.endswith(".jsonl"):
        if not Path(name).is_file():
            raise InputError(f"teacher: {name} is not there; it holds query, candidate and score on each line")
        return FileTeacher(Path(name))
    embedded: dict[str, Callable[[], Teacher]] = {"maxsim": MaxSimTeacher, "likelihood": LikelihoodTeacher}
    return embedded[name]() if name in embedded else CrossEncoderTeacher(name)


def with_teacher(rows: Sequence[Row], teacher: Teacher, cache: Path) -> list[Row]:
    """The rows with their scores as `teacher`; scores that the file `cache` holds are not computed again.

    Several processes share the work; each writes a file of its own beside `cache`.
    """
    known: dict[str, list[float]] = {}
    for path in sorted(cache.parent.glob(f"{cache.stem}*{cache.suffix}")):
        for line in filter(None, path.read_text(encoding="utf-8").split("\n")):
            entry = json.loads(line)
            known[entry["key"]] = entry["scores"]
    ranks.wait()
    cache.parent.mkdir(parents=True, exist_ok=True)
    own = cache if ranks.writes() else cache.with_name(f"{cache.stem}-{ranks.rank()}{cache.suffix}")

    def scored(some: Sequence[Row]) -> list[Row]:
        made: list[Row] = []
        with own.open("a", encoding="utf-8") as file:
            for row in some:
                key = fingerprint("\n".join([teacher.name, row["query"], *row["candidates"]]))
                if key not in known:
                    known[key] = teacher.score(row["query"], row["candidates"])
                    file.write(json.dumps({"teacher": teacher.name, "key": key, "scores": known[key]}) + "\n")
                made.append({**row, "teacher": known[key]})
        return made

    return ranks.spread(rows, scored)
