"""Noise put into questions by a seed, and two questions joined into one: what is lost, and what is brought back.

Slips of typing are drawn from the neighbours of keys; what is said around a question, and fillers, from lists of this
file, not from those of the rules that take them away.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from mmrank.answer.joining import join
from mmrank.evaluate.bootstrap import Figure, Sample
from mmrank.evaluate.collection_data import CollectionQuestion
from mmrank.query.understanding import understand_by_rules

if TYPE_CHECKING:
    from rich.table import Table

    from mmrank.collection import Collection
    from mmrank.hits import Hits
    from mmrank.index import Filter

FIRST = 5
"""Pages of which the recall is given for noisy questions."""
BOTH = 10
"""Pages among which both gold pages of joined questions must be."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BEFORE = (
    "Hello! I hope you are doing well.", "Hey, quick one for you.", "Sorry to bother you again.", "hi bot",
    "I have to hand in my homework tomorrow and I am totally lost.", "My manager keeps asking me about this.",
    "Good evening, I was reading this on the train and wondered about something.",
    "I looked everywhere but could not find it.",
)  # fmt: skip
_LEADS = (
    "Can you please tell me {}", "I would love to know {}", "do you happen to know {}", "Would you mind checking {}",
    "I was wondering {}", "help me out here: {}", "{}", "{}",
)  # fmt: skip
_AFTER = (
    "Thanks a million!", "thx", "I really appreciate your help.", "Take your time, no hurry.", "That would be great.",
    "Many thanks in advance, you are the best.", "Let me know if you need anything else from me.", "",
)  # fmt: skip
_FILLERS = ("um", "uh", "you know", "like", "er", "I mean", "well", "so", "hmm", "basically")
_JOINTS = ("{0} And {1}", "{0} Also, {1}", "{0} {1}", "{0} And {1}")

Noise = Callable[[str, random.Random], str]


def slip(word: str, rng: random.Random) -> str:
    """A word with one slip: a letter left out, doubled, swapped with the next, or a neighbour on the keyboard."""
    at = rng.randrange(len(word))
    kind = rng.choice(("out", "double", "swap", "near"))
    if kind == "out" and len(word) > 3:
        return word[:at] + word[at + 1 :]
    if kind == "double":
        return word[: at + 1] + word[at:]
    if kind == "swap" and at < len(word) - 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + rng.choice(_near(word[at].lower())) + word[at + 1 :]


def _near(letter: str) -> str:
    for number, row in enumerate(_ROWS):
        at = row.find(letter)
        if at >= 0:
            beside = row[max(at - 1, 0) : at] + row[at + 1 : at + 2]
            below = _ROWS[number + 1][max(at - 1, 0) : at + 1] if number + 1 < len(_ROWS) else ""
            return beside + below
    return "e"


def typing(edits: int) -> Noise:
    """So many slips in each of a third of the words of three letters or more."""

    def make(question: str, rng: random.Random) -> str:
        words = question.split(" ")
        places = [at for at, word in enumerate(words) if len(core := word.strip('.,?!"()')) >= 3 and core.isalpha()]
        for at in rng.sample(places, max(1, round(len(places) / 3))) if places else []:
            core = words[at].strip('.,?!"()')
            slipped = core
            for _ in range(edits):
                slipped = slip(slipped, rng)
            words[at] = words[at].replace(core, slipped)
        return " ".join(words)

    return make


def bare(question: str, _: random.Random) -> str:
    """Without capitals and punctuation."""
    return re.sub(r"[.,;:?!\"“”'’()]", "", question).lower()


def chat(question: str, rng: random.Random) -> str:
    """With what people say before and after."""
    asked = question[0].lower() + question[1:] if question[1:2].islower() else question
    return f"{rng.choice(_BEFORE)} {rng.choice(_LEADS).format(asked)} {rng.choice(_AFTER)}".strip()


def speech(question: str, rng: random.Random) -> str:
    """Without punctuation, with fillers, as a recogniser of speech writes."""
    said = [rng.choice(("so um", "okay so", "uh", "well er"))]
    for word in bare(question, rng).split():
        if rng.random() < 0.25:
            said.append(rng.choice(_FILLERS))
        said.append(word)
    return " ".join(said)


NOISES: Mapping[str, Noise] = {
    "slips, one per word": typing(1),
    "slips, two per word": typing(2),
    "no capitals, no punctuation": bare,
    "chat": chat,
    "speech": speech,
}
STEPS: Mapping[str, Mapping[str, bool]] = {
    "as shipped": {},
    "without spelling": {"spelling": False},
    "without taking chatter away": {"chatter": False},
    "without decomposition": {"parts": False},
}


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """Figures by kind of noise and by what understood the question."""

    benchmark: str
    seed: int
    figures: Mapping[str, Mapping[str, Figure]]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "benchmark": self.benchmark,
            "seed": self.seed,
            "figures": {
                kind: {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in row.items()}
                for kind, row in self.figures.items()
            },
        }


WAYS_JOINED: dict[str, dict[str, bool | None]] = {
    "as asked": {"off": True},
    "as shipped": {},
    "without decomposition": {"parts": False},
}
"""How joined questions are asked."""


def evaluate_noise(
    library: Collection,
    name: str,
    questions: Sequence[CollectionQuestion],
    *,
    seed: int = 7,
    given: bool = False,
    pairs: Sequence[CollectionQuestion] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NoiseReport:
    """Ask clean, noisy and joined questions, as they are and understood.

    Args:
        library: what is asked.
        name: of the benchmark.
        questions: with their gold pages.
        seed: of the noise.
        given: ask each question about its own document.
        pairs: the questions that are joined, two by two in an order drawn by the seed; `questions` by default.
        progress: called after each question with how many were asked and how many there are, kinds of noise together.
    """
    from mmrank.index import Filter

    ids = {record.name: record.id for record in library.documents()}
    filters: list[Filter | None] = [
        Filter(documents=tuple(ids[document] for document in sorted(question.documents))) if given else None
        for question in questions
    ]
    joined = join_pairs(pairs or questions, seed)
    total = (2 + len(NOISES) * (1 + len(STEPS))) * len(questions) + len(WAYS_JOINED) * len(joined)
    done = count(1)

    def tick() -> None:
        if progress is not None:
            progress(next(done), total)

    documents = [min(question.documents) for question in questions]
    sample = Sample(documents, [""] * len(documents))

    def recall(texts: Sequence[str], **steps: bool | None) -> Figure:
        values = []
        for text, question, where in zip(texts, questions, filters, strict=True):
            hits = _search(library, text, FIRST, where, steps)
            values.append(len(question.pages & {(hit.document, hit.page) for hit in hits}) / len(question.pages))
            tick()
        return sample.micro(values)

    asked = [question.text for question in questions]
    figures = {f"clean, page recall@{FIRST}": {"as asked": recall(asked, off=True), "as shipped": recall(asked)}}
    for kind, noise in NOISES.items():
        rng = random.Random(seed)
        noisy = [noise(text, rng) for text in asked]
        row = {"as asked": recall(noisy, off=True)}
        for step, options in STEPS.items():
            row[step] = recall(noisy, **options)
        figures[f"{kind}, page recall@{FIRST}"] = row
    figures[f"two joined, both in the first {BOTH}"] = _joined(library, joined, tick)
    return NoiseReport(name, seed, figures)


def join_pairs(
    questions: Sequence[CollectionQuestion], seed: int
) -> list[tuple[str, CollectionQuestion, CollectionQuestion]]:
    """Two questions in one, each question once, in an order drawn by the seed."""
    order = list(range(len(questions)))
    random.Random(seed).shuffle(order)
    made = []
    for number, (one, other) in enumerate(zip(order[::2], order[1::2], strict=False)):
        first, second = questions[one], questions[other]
        joint = _JOINTS[number % len(_JOINTS)]
        said = second.text if joint == "{0} {1}" else second.text[0].lower() + second.text[1:]
        made.append((joint.format(first.text.strip(), said), first, second))
    return made


def _joined(
    library: Collection,
    pairs: Sequence[tuple[str, CollectionQuestion, CollectionQuestion]],
    tick: Callable[[], None],
) -> dict[str, Figure]:
    sample = Sample([min(first.documents) for _, first, _ in pairs], [""] * len(pairs))

    def both(**steps: bool | None) -> Figure:
        values = []
        for text, first, second in pairs:
            found = {(hit.document, hit.page) for hit in _search(library, text, BOTH, None, steps)}
            values.append(float(bool(found & first.pages) and bool(found & second.pages)))
            tick()
        return sample.micro(values)

    return {name: both(**options) for name, options in WAYS_JOINED.items()}


def _search(library: Collection, text: str, k: int, where: Filter | None, steps: Mapping[str, bool | None]) -> Hits:
    if steps.get("off"):
        return library.search(text, k=k, where=where)
    options = {name: bool(value) for name, value in steps.items()}
    understood = understand_by_rules(text, library.speller(where), **options)
    if len(understood.parts) == 1:
        return library.search(understood.parts[0].text, k=k, where=where)
    texts = [*(part.text for part in understood.parts), understood.rewritten]
    return join([library.search(one, k=k, where=where) for one in texts], k)


def noise_table(report: NoiseReport) -> Table:
    """The figures, for people."""
    from rich.table import Table

    from mmrank.evaluate.tables import show

    table = Table(title=f"{report.benchmark}: noisy questions, seed {report.seed}, mean (95 % interval)")
    for heading in ("", "", ""):
        table.add_column(heading)
    for kind, row in report.figures.items():
        for at, (name, figure) in enumerate(row.items()):
            table.add_row("" if at else kind, name, show(figure), end_section=at == len(row) - 1)
    return table
