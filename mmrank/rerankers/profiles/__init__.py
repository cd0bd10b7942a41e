"""Prompts by checkpoint, and of your own: YAML files that say how a question and candidates are put before a model.

    family: pointwise
    turns:
      - system: Answer with yes or no.
      - user: "Question: {query}\\nPage: {candidate}\\nDoes it answer?"
    labels: ["yes", "no"]

The files beside this one are for known checkpoints, and are chosen by a model's name. What they state of a checkpoint
(order, field labels, labels, budgets, thoughts) are facts; the sentences are ours, so put those of the model card into
a file of your own where you have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from mmrank.errors import InputError
from mmrank.printable import one_line
from mmrank.rerankers.layout import FIELDS, Layout, Turn
from mmrank.rerankers.parsing import Style
from mmrank.rerankers.prompts import (
    LISTWISE,
    SETWISE,
    SETWISE_PLAIN,
    STEPWISE,
    TEMPLATE,
    YES_NO,
    ZERO_ONE,
    JudgePrompt,
)

FamilyName = Literal["pointwise", "setwise", "listwise"]
AUTO, OWN_TEMPLATE = "auto", "template"
LARGEST = 1 << 18
"""Bytes of a prompt file."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A prompt of one family, and what goes with it.

    Attributes:
        name: of the prompt.
        family: of the rerankers that it is for.
        layout: the conversation.
        labels: positive and negative, of the family pointwise.
        answer: form of the ranking, of the family listwise.
        instruction: what relevance means, where nothing else is said.
        reads_pictures: whether the checkpoint is known to read pictures.
        settings: defaults of settings, of the family or of the engine; "total_tokens" bounds a whole prompt.
    """

    name: str
    family: FamilyName
    layout: Layout
    labels: tuple[str, str] = ("yes", "no")
    answer: Style = "list"
    instruction: str = ""
    reads_pictures: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def judge(self) -> JudgePrompt:
        """The prompt as the family pointwise takes it."""
        return JudgePrompt(self.layout, *self.labels, instruction=self.instruction)


class PromptFile(BaseModel):
    """What a prompt file holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: FamilyName
    turns: list[dict[str, Any]] = Field(min_length=1)
    candidate: StrictStr = "{candidate}"
    pictures: Literal["inline", "first"] = "inline"
    begins: StrictStr = ""
    labels: tuple[StrictStr, StrictStr] = ("yes", "no")
    answer: Style = "list"
    instruction: StrictStr = ""
    reads_pictures: bool = False
    checkpoints: list[StrictStr] = []
    settings: dict[str, Any] = {}


def _from_judge(name: str, prompt: JudgePrompt) -> Profile:
    labels = (prompt.positive, prompt.negative)
    return Profile(name, "pointwise", prompt.layout, labels, instruction=prompt.instruction)


PLAIN: dict[FamilyName, dict[str, Profile]] = {
    "pointwise": {
        "yes-no": _from_judge("yes-no", YES_NO),
        "zero-one": _from_judge("zero-one", ZERO_ONE),
        OWN_TEMPLATE: _from_judge(OWN_TEMPLATE, TEMPLATE),
    },
    "setwise": {
        "choice": Profile("choice", "setwise", SETWISE),
        "choice-plain": Profile("choice-plain", "setwise", SETWISE_PLAIN),
    },
    "listwise": {
        "list": Profile("list", "listwise", LISTWISE),
        "chain": Profile("chain", "listwise", STEPWISE, answer="chain"),
    },
}
"""Prompts for any checkpoint, by family and name."""


@cache
def known() -> dict[str, tuple[tuple[str, ...], Profile]]:
    """Checkpoints' prompts by name, each with regular expressions of the names of those checkpoints."""
    found = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            name = file.name.removesuffix(".yaml")
            read = _checked(file.read_text("utf-8"), name)
            found[name] = (tuple(read.checkpoints), _profile(name, read))
    return found


def names(family: FamilyName) -> list[str]:
    """What `prompt=` takes beside "auto" and a file."""
    return [*PLAIN[family], *(name for name, (_, profile) in known().items() if profile.family == family)]


def find_profile(family: FamilyName, prompt: str, model: str) -> Profile | None:
    """The prompt that was asked for.

    Args:
        family: of the reranker.
        prompt: "auto" for that of the checkpoint, a name of `names`, or the path of a YAML file.
        model: name of the model, as it was given; a server's stands behind a #.

    Returns:
        None with "auto" for a checkpoint that is not known.

    Raises:
        InputError: for an unknown name, or a file that is not there or holds something else.
    """
    if prompt == AUTO:
        called = model.rpartition("#")[2] if "#" in model else Path(model).name
        fitting = [
            (len(found[0]), profile)
            for expressions, profile in known().values()
            if profile.family == family
            for expression in expressions
            if (found := re.search(expression, called, re.IGNORECASE))
        ]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
    if prompt in PLAIN[family]:
        return PLAIN[family][prompt]
    if prompt in known() and known()[prompt][1].family == family:
        return known()[prompt][1]
    path = Path(prompt)
    if not path.is_file():
        raise InputError(
            f"there is no prompt {one_line(prompt)!r} for {family}, and no file of that name; there are: {AUTO},"
            f" {', '.join(names(family))}, or the path of a YAML file"
        )
    return read_profile(path, family)


def read_profile(path: str | Path, family: FamilyName) -> Profile:
    """A prompt from a YAML file.

    Raises:
        InputError: when the file cannot be read, or does not describe a prompt of that family.
    """
    try:
        if Path(path).stat().st_size > LARGEST:
            raise InputError(f"the prompt {path} is larger than {LARGEST >> 10} KiB; no prompt is")
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the prompt {path} cannot be read: {one_line(error)}") from error
    read = _checked(text, str(path))
    if read.family != family:
        raise InputError(f"the prompt {path} is for the family {read.family}, not for {family}")
    return _profile(str(path), read)


def _checked(text: str, name: str) -> PromptFile:
    import yaml

    try:
        held = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"the prompt {name} is no YAML: {one_line(error, 200)}") from error
    if not isinstance(held, dict):
        raise InputError(f"the prompt {name} holds no settings; it begins like: family: pointwise")
    try:
        return PromptFile(**{str(key): value for key, value in held.items()})
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)
        )
        quoted = " (put yes, no, 1 and 0 in quotes)" if "labels" in faults else ""
        raise InputError(f"the prompt {name} cannot be used: {one_line(faults, 300)}{quoted}") from error


def _profile(name: str, read: PromptFile) -> Profile:
    turns: list[Turn] = []
    for given in read.turns:
        if list(given) == ["each"] and isinstance(given["each"], list):
            turns += [_turn(one, name, each=True) for one in given["each"]]
        else:
            turns.append(_turn(given, name, each=False))
    layout = Layout(tuple(turns), read.candidate, read.pictures == "first", read.begins)
    named = layout.fields()
    if unknown := sorted(named - set(FIELDS)):
        raise InputError(f"the prompt {name} names {{{unknown[0]}}}; there are: {', '.join(FIELDS)}")
    written = {match for turn in turns for match in re.findall(r"\{([a-z_]+)\}", turn.text)}
    several = "candidates" in written or any(turn.each and "{candidate}" in turn.text for turn in turns)
    if "query" not in written or not (several if read.family != "pointwise" else "candidate" in written):
        where = "{candidate}" if read.family == "pointwise" else "{candidates}, or turns under each with {candidate}"
        raise InputError(f"the prompt {name} lacks a place for {{query}} or for {where}")
    if turns[-1].role in ("assistant", "system"):
        raise InputError(f"the prompt {name} ends with the turn of the {turns[-1].role}; the user's turn comes last")
    return Profile(
        name,
        read.family,
        layout,
        read.labels,
        read.answer,
        read.instruction,
        read.reads_pictures,
        read.settings,
    )


def _turn(given: Any, name: str, *, each: bool) -> Turn:
    if isinstance(given, dict) and len(given) == 1:
        [(role, text)] = given.items()
        if role in ("system", "user", "assistant", "query", "document") and isinstance(text, str):
            return Turn(role, text, each)
    raise InputError(
        f"the prompt {name} holds a turn that is none: {one_line(given, 80)}. A turn is one of system, user, assistant,"
        " query and document, and its text; or each, and a list of turns"
    )
