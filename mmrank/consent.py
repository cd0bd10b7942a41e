"""What a collection says about models is shown, and obeyed once its user agreed.

A collection may come from someone else. The model that it was encoded with is read from it, and to ask it a question
that model has to be loaded: from the hub, or from a folder. The embedded encoders need no consent. For others the user
agrees once, by a flag or by having made a collection with that encoder; the list of what was agreed to is kept in
`allowed-models.json`, in `mmrank` below `XDG_CONFIG_HOME` or ~/.config.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrank.config import FREE, Settings
from mmrank.errors import InputError, MmrankError
from mmrank.printable import one_line

FILE = "allowed-models.json"
SERVERS = "servers.json"
FLAG = "--allow-models"
Model = tuple[str, str]
"""A name on the hub or the path of a folder, and the revision ("" for the newest)."""


def allowed_file() -> Path:
    """Where the user's list is kept, made or not."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").absolute() / "mmrank" / FILE


def model_of(settings: Settings) -> Model | None:
    """What asking a collection with these settings loads; None for an embedded encoder."""
    from mmrank.encoders.loading import EMBEDDED

    if settings.encoder in EMBEDDED:
        return None
    # os.path says no to what is no path at all, where pathlib raises.
    local = os.path.isdir(settings.encoder)  # noqa: PTH112
    name = str(Path(settings.encoder).resolve()) if local else settings.encoder
    return name, settings.encoder_revision or ""


def check_allowed(settings: Settings, collection: Path) -> None:
    """Refuse to load what a collection names and the user has not agreed to.

    Raises:
        InputError: says what it names, and how to agree.
        MmrankError: when the list cannot be read.
    """
    model = model_of(settings)
    if model is not None and model not in _allowed():
        raise InputError(
            f"{collection} names the encoder {described(model)}, which is not embedded, and you have not allowed it."
            f" If you trust it, say so once: {FLAG}, or Collection.open(…, allow_models=True)"
        )


def allow(settings: Settings) -> None:
    """Note that the user agrees to what these settings load.

    Raises:
        MmrankError: when the list cannot be read or written.
    """
    model = model_of(settings)
    if model is None or model in (known := _allowed()):
        return
    rows = [{"encoder": name, "revision": revision} for name, revision in sorted({*known, model})]
    _write(allowed_file(), rows, f"that you allow {described(model)}")


def described(model: Model) -> str:
    """A model in words, with where it comes from."""
    name, revision = model
    if Path(name).is_absolute():
        return f"{one_line(name)!r} (a folder of this machine)"
    return f"{one_line(name)!r} (from the hub, {f'revision {one_line(revision)}' if revision else 'newest revision'})"


def servers_file() -> Path:
    """Where the user's list of Milvus servers is kept, made or not."""
    return allowed_file().with_name(SERVERS)


def check_server(uri: str, collection: Path) -> None:
    """Refuse to connect to a Milvus that a collection names and the user has not.

    Raises:
        InputError: says which, and how to name it.
        MmrankError: when the list cannot be read.
    """
    if uri not in _servers():
        raise InputError(
            f"{collection} says that its documents are in Milvus at {one_line(uri)!r}, which was not named on this"
            f" machine before. If you trust it, name it once: --uri {one_line(uri)}, or Collection.open(…, uri=…)"
        )


def allow_server(uri: str) -> None:
    """Note that the user named a Milvus.

    Raises:
        MmrankError: when the list cannot be read or written.
    """
    from mmrank.index import absolute

    uri = absolute(uri)
    if uri not in (known := _servers()):
        _write(servers_file(), sorted({*known, uri}), f"that you named {one_line(uri)}")


def _servers() -> set[str]:
    path = servers_file()
    try:
        return {str(uri) for uri in json.loads(path.read_bytes())}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise MmrankError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise MmrankError(f"{path} is no list of servers; correct or delete it") from error


def _write(path: Path, rows: list[Any], what: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise MmrankError(
            f"{path} cannot be written ({error.strerror or error}), so it cannot be remembered {what};"
            " set XDG_CONFIG_HOME to a folder that can be written"
        ) from error


def obeyed(stored: Mapping[str, object]) -> dict[str, object]:
    """What a collection's stored settings decide: what it holds. How it is searched, and by whom, they do not.

    Raises:
        InputError: when they are no settings.
    """
    if not isinstance(stored, Mapping):
        raise InputError("its settings are no names with values")
    return {name: value for name, value in stored.items() if name not in FREE}


def wishes(stored: Mapping[str, object], settings: Settings) -> list[str]:
    """Sentences on what a collection says about models and servers, for its user to see."""
    said = []
    model = model_of(settings)
    if model is not None:
        known = "you have allowed it" if model in _allowed() else f"not loaded before you allow it ({FLAG})"
        said.append(f"names the encoder {described(model)}: {known}")
    said += [
        f"sets {one_line(name)} to {one_line(repr(value))}, which is not obeyed: it is for who searches to choose"
        for name, value in stored.items()
        if name in FREE
    ]
    return said


def _allowed() -> set[Model]:
    path = allowed_file()
    try:
        rows = json.loads(path.read_bytes())
        return {(str(row["encoder"]), str(row["revision"])) for row in rows}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise MmrankError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise MmrankError(f"{path} is no list of allowed models; correct or delete it") from error
