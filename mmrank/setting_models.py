"""Settings as pydantic models, from which errors, the command line's `--set` and the docs are made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from mmrank.errors import InputError


class SettingsModel(BaseModel):
    """Settings of one thing. Every field has a description, a default and, where there are any, bounds.

    Values may be text, as `--set name=value` and environment variables give them: "4" for a number, "none" where a
    setting may be left open, "1,0.5" for several numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _read_text(cls, value: Any, info: ValidationInfo) -> Any:
        return read_text(cls, str(info.field_name), value)


_PAGES = re.compile(r"\d{1,6}(?:-\d{1,6})?")


def read_text(model: type[BaseModel], name: str, value: Any) -> Any:
    """A value that was written as text, as far as pydantic does not read it: "none", and several numbers."""
    kind = model.model_fields[name].annotation
    if not isinstance(value, str):
        return value
    if value.lower() in {"none", "null"} and NoneType in get_args(kind):
        return None
    return value.strip("[]() ").split(",") if get_origin(kind) is tuple else value


OCR_MODES = ("auto", "always", "never")


def read_ocr(value: object) -> str:
    """When text is recognised, in one form: a mode, then modes of single pages, divided by ";".

    Args:
        value: a mode, or true for auto and false for never; "auto;always:3-5,9" names pages, counted from 1.

    Raises:
        ValueError: when it is none of these; says what is taken.

    >>> read_ocr(True), read_ocr("always:3-5,9"), ocr_mode("auto;always:3-5,9", 3), ocr_mode("auto;always:3-5,9", 5)
    ('auto', 'auto;always:3-5,9', 'always', 'auto')
    """
    plain = {"true": "auto", "false": "never", "1": "auto", "0": "never"}
    text = str(value).strip().lower()
    parts = [part.strip() for part in plain.get(text, text).split(";")]
    if all(":" in part for part in parts):
        parts.insert(0, "auto")
    for at, part in enumerate(parts):
        mode, divided, pages = part.partition(":")
        good = all(_PAGES.fullmatch(piece) for piece in pages.split(",")) if divided else not at
        if mode not in OCR_MODES or not good:
            raise ValueError(
                f"{value!r} does not say when to recognise text: give auto, always or never, with pages always:3-5,9"
            )
    return ";".join(parts)


def ocr_mode(ocr: str, page: int) -> str:
    """The mode of one page (0-based) by what `read_ocr` made: the last part that names it, else the first."""
    first, *parts = ocr.split(";")
    for part in reversed(parts):
        mode, _, pages = part.partition(":")
        for piece in pages.split(","):
            start, _, stop = piece.partition("-")
            if int(start) <= page + 1 <= int(stop or start):
                return mode
    return first


@dataclass(frozen=True, slots=True)
class SettingsSection:
    """Settings that are given together with others, and whose they are: "pointwise", "the engine transformers"."""

    title: str
    model: type[SettingsModel]


def check_settings(subject: str, sections: Sequence[SettingsSection], given: Mapping[str, Any]) -> list[SettingsModel]:
    """Divide settings among sections and check them all.

    A name that several sections know belongs to the first of them.

    Args:
        subject: whose settings they are, for errors.
        sections: what may be set.
        given: settings by name, as values or as text.

    Returns:
        One model per section.

    Raises:
        InputError: for unknown names or wrong values. It lists all faults, and the known names beside an unknown one.
    """
    known = {name for section in sections for name in section.model.model_fields}
    faults = []
    if unknown := [name for name in given if name not in known]:
        lists = [f"those of {section.title}: {', '.join(section.model.model_fields)}" for section in sections]
        faults.append(f"{subject} has no setting {', '.join(map(repr, unknown))}; there are {', and '.join(lists)}")
    checked: list[SettingsModel] = []
    left = dict(given)
    for section in sections:
        own = {name: left.pop(name) for name in section.model.model_fields if name in left}
        try:
            checked.append(section.model(**own))
        except ValidationError as error:
            faults += wrong_values(section.model, error)
    if faults:
        raise InputError("; ".join(faults))
    return checked


def wrong_values(model: type[BaseModel], error: ValidationError) -> list[str]:
    """A clause per setting that has a wrong value: its name, what is allowed and what was given."""
    clauses = {}
    described = model.model_json_schema()["properties"]
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if name not in described:
            clauses[name] = f"{name}: {fault['msg']}"
        else:
            clauses[name] = f"{name} must be {allowed(described[name])}, got {fault['input']!r}"
    return list(clauses.values())


def allowed(schema: Mapping[str, Any]) -> str:
    """What a setting may be, in words, from its JSON schema.

    >>> allowed({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]})
    'a whole number, at least 1, or none'
    >>> allowed({"type": "number", "minimum": 0, "maximum": 1}), allowed({"type": "string", "enum": ["a", "b"]})
    ('a number from 0 to 1', 'a or b')
    """
    if "anyOf" in schema:
        *kinds, last = dict.fromkeys(allowed(one) for one in schema["anyOf"])
        return ", ".join(kinds) + (", or " if "," in "".join(kinds) else " or ") + last
    if "enum" in schema:
        names = list(map(str, schema["enum"]))
        return f"one of {', '.join(names)}" if len(names) > 2 else " or ".join(names)
    if schema.get("type") == "array":
        texts = schema.get("items", {}).get("type") == "string"
        return "texts separated by commas" if texts else "numbers separated by commas"
    kind = KINDS["path" if schema.get("format") == "path" else schema["type"]]
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} from {schema['minimum']} to {schema['maximum']}"
    limits = [f"{words} {schema[bound]}" for bound, words in BOUNDS.items() if bound in schema]
    return ", ".join([kind, *limits])


KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "path": "a path",
    "object": "names with values",
    "null": "none",
}
"""Types of a JSON schema, and the format "path", in words."""
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
"""Bounds of a JSON schema in words."""
