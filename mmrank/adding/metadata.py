"""Metadata of documents: what a file says, what is found in it, and what people say.

What people say wins and stays: values that are given when a file is added or later, then those of its sidecar file,
then what is found (`mmrank.ingest.identity`), then what the file says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.ingest.identity import IDENTITY_VERSION, identity
from mmrank.ingest.identity_keys import IDENTITY_KEYS
from mmrank.names import ATTACHED, JOINT, TWINS, UNREAD
from mmrank.periods import Period
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord

SIDECAR_SUFFIX = ".meta.yaml"
"""`report.pdf.meta.yaml` beside `report.pdf` holds its metadata."""
RESERVED = "mmrank:"
"""Keys that begin so say where the others come from. They cannot be given."""
GIVEN, FROM_SIDECAR, VERSION = f"{RESERVED}given", f"{RESERVED}sidecar", f"{RESERVED}identity"
CARRIED = frozenset({TWINS, UNREAD, ATTACHED})
"""Keys of mmrank's own that no description changes: they say what became of the file."""
LONGEST_KEY, LONGEST_VALUE = 64, 2000
"""Characters."""


def checked(metadata: Mapping[str, object], whose: str) -> dict[str, str]:
    """Metadata that can be stored: strings, or lists of strings, which are joined by " · ".

    Args:
        metadata: by key.
        whose: what an error names.

    Raises:
        InputError: for a key or a value that cannot be stored; names both.
    """
    found: dict[str, str] = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or not key.strip() or len(key) > LONGEST_KEY or set(key) & set("=·\n"):
            raise InputError(f"{whose}: a key is a text of 1 to {LONGEST_KEY} characters without = and ·, not {key!r}")
        if key.startswith(RESERVED):
            raise InputError(f"{whose}: keys that begin with {RESERVED!r} are mmrank's own, {key!r} cannot be given")
        parts: list[object] = list(value) if isinstance(value, list | tuple) else [value]
        texts = [part.strip() for part in parts if isinstance(part, str)]
        if len(texts) < len(parts):
            raise InputError(f"{whose}: the value of {key!r} must be a text or a list of texts, not {value!r}")
        text = JOINT.join(texts)
        if not text:
            raise InputError(f"{whose}: the value of {key!r} is empty")
        if len(text) > LONGEST_VALUE:
            raise InputError(f"{whose}: the value of {key!r} has {len(text)} characters, at most {LONGEST_VALUE}")
        found[key.strip()] = text
    if "date" in found:
        from mmrank.index.filters import iso_date

        found["date"] = iso_date(found["date"], f"{whose}: date")
    if "period" in found and Period.parse(found["period"]) is None:
        raise InputError(f"{whose}: period is a year or a quarter, as 2023 or 2023-Q2, not {found['period']!r}")
    return found


def read_sidecar(path: str | Path) -> dict[str, str]:
    """Metadata in the file beside a document; empty where there is none.

    Args:
        path: of the document.

    Raises:
        InputError: when the sidecar cannot be read, or holds something else than texts by key; names it.
    """
    import yaml

    file = Path(f"{path}{SIDECAR_SUFFIX}")
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    try:
        rows = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(rows, dict):
        raise InputError(f"{file} must hold lines of the form `key: value`")
    return checked(rows, str(file))


def lonely_sidecars(files: Sequence[Path]) -> list[Path]:
    """Sidecars in the folders of these files that lie beside no document."""
    folders = {file.absolute().parent for file in files}
    return [
        sidecar
        for folder in sorted(folders)
        for sidecar in sorted(folder.glob(f"*{SIDECAR_SUFFIX}"))
        if not Path(str(sidecar).removesuffix(SIDECAR_SUFFIX)).exists()
    ]


def describe(
    document: Document, *, given: Mapping[str, str], sidecar: Mapping[str, str], kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """All metadata of a document.

    Args:
        document: as it was read, or as it is stored.
        given: what people said of it.
        sidecar: what its sidecar says.
        kept: metadata of other origin, which give way to all others.
    """
    return marked({**(kept or {}), **document.metadata, **identity(document)}, given, sidecar) | {
        key: value for key, value in {**document.metadata, **(kept or {})}.items() if key in CARRIED
    }


def marked(found: Mapping[str, str], given: Mapping[str, str], sidecar: Mapping[str, str]) -> dict[str, str]:
    """Lay what people said over what was found, and note what they said."""
    metadata = {key: value for key, value in found.items() if not key.startswith(RESERVED)}
    metadata |= {**sidecar, **given, VERSION: str(IDENTITY_VERSION)}
    for note, keys in ((GIVEN, given), (FROM_SIDECAR, sidecar.keys() - given.keys())):
        if keys:
            metadata[note] = JOINT.join(sorted(keys))
    return metadata


def given_in(record: DocumentRecord, note: str = GIVEN) -> dict[str, str]:
    """What people said of a document, or with `FROM_SIDECAR` what its sidecar said."""
    keys = record.metadata.get(note, "").split(JOINT)
    return {key: record.metadata[key] for key in keys if key in record.metadata}


def kept_in(record: DocumentRecord, document: Document) -> dict[str, str]:
    """Metadata of other origin: of a program that wrote them into the store itself."""
    said = given_in(record).keys() | given_in(record, FROM_SIDECAR).keys()
    own = document.metadata.keys() | IDENTITY_KEYS | said
    return {
        key: value
        for key, value in record.metadata.items()
        if (key not in own and not key.startswith(RESERVED)) or key in CARRIED
    }


def is_current(record: DocumentRecord) -> bool:
    """Whether the identity was found by this version of mmrank."""
    return record.metadata.get(VERSION) == str(IDENTITY_VERSION)


def contradictions(name: str, given: Mapping[str, str], sidecar: Mapping[str, str]) -> list[str]:
    """A line for each key to which the sidecar gives another value."""
    return [
        f"{name}: {key} is {sidecar[key]!r} in its sidecar and {given[key]!r} as given; what was given is used"
        for key in sorted(given.keys() & sidecar.keys())
        if given[key] != sidecar[key]
    ]
