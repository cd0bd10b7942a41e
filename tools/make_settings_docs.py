"""Write docs/settings.md from the settings themselves: `python tools/make_settings_docs.py [--check]`.

With --check nothing is written; the exit status is 1 where the file differs from what would be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mmrank.config import FREE, PROFILES, Settings
from mmrank.llm.loading import ENGINES
from mmrank.rerankers.building import AS_TRAINED
from mmrank.rerankers.loading import FAMILIES, Family
from mmrank.serve.settings import ServeSettings
from mmrank.setting_models import allowed

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
BEGINNING = """\
<!-- Written by tools/make_settings_docs.py from the settings in the code. Change them there, then run it again. -->

# Settings

```python
from mmrank import Collection

library = Collection.create("library.mmrank", ocr=False)
library = Collection.open("library.mmrank", reranker="cascade", rerank_settings={"keep": 4})
```

```
MMRANK_DEVICE=cpu mmrank search "net sales in 2019" --rerank cascade --set keep=4
```

Settings of a collection are arguments of `Collection.create` and `Collection.open`, or environment variables. An
argument overrides a variable, a variable overrides the profile, and the profile overrides the default. Settings of a
reranker are arguments of `load_reranker`, the collection's setting `rerank_settings`, or `--set name=value` on the
command line. An unknown name or a wrong value is an error that says what is allowed. On the command line and in
variables, `none` is written as the word, and several numbers are separated by commas: `--set weights=1,0.5`.
"""


def page() -> str:
    """All of docs/settings.md."""
    fixed = [name for name in Settings.model_fields if name not in FREE]
    free = [name for name in Settings.model_fields if name in FREE]
    profiles = "; ".join(
        f"`{profile}` sets {', '.join(f'`{name}={value}`' for name, value in changes.items())}"
        for profile, changes in PROFILES.items()
    )
    parts = [
        BEGINNING,
        "## What a collection holds\n",
        "Chosen when a collection is made, and kept with it. For other values, make another collection.\n",
        *table(Settings, fixed, prefix="MMRANK_"),
        f"Profiles: {profiles}.\n",
        "## How a collection is opened and searched\n",
        "May be different each time a collection is opened.\n",
        *table(Settings, free, prefix="MMRANK_"),
        "## Rerankers\n",
        "What each family does is described on the page on [rerankers](rerankers.md).\n",
    ]
    for name, family in FAMILIES.items():
        parts += [f"### {name}\n", *table(family.settings, ordered(family.settings)), *further(name, family)]
    parts += [
        "## Engines\n",
        "An engine runs a chat model. The model's name decides which: transformers runs `smollm2-torch`, a folder and"
        " `owner/name` on the hub; llama.cpp runs a `.gguf` file, and `smollm2` where llama.cpp is installed (else"
        " transformers does); `http(s)://host/v1#model` is run by that server.\n",
    ]
    for name, engine in ENGINES.items():
        parts += [f"### {name}\n", *table(engine.settings, ordered(engine.settings))]
    parts += [
        "## Service\n",
        "Of `mmrank serve` ([REST](rest.md)). They are environment variables; some are options of the command too.\n",
        *table(ServeSettings, list(ServeSettings.model_fields), prefix="MMRANK_SERVE_"),
    ]
    return "\n".join(parts)


def ordered(model: type[BaseModel]) -> list[str]:
    """Names of a model's settings, its own before those it shares with other models."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    return [*own, *(name for name in model.model_fields if name not in own)]


def table(model: type[BaseModel], names: Iterable[str], *, prefix: str = "") -> list[str]:
    """A table of settings, with their environment variables where these begin with a prefix."""
    schemas = model.model_json_schema()["properties"]
    rows = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name in names:
        field = model.model_fields[name]
        variable = f"<br>`{prefix}{name.upper()}`" if prefix else ""
        kind = allowed(schemas[name]).removeprefix("a ").removeprefix("one of ")
        cells = (f"`{name}`{variable}", kind, default(field.default), str(field.description).replace("|", "\\|"))
        rows.append(f"| {' | '.join(cells)} |")
    return [*rows, ""]


def default(value: Any) -> str:
    """A default as a user would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(one if isinstance(one, str) else f"{one:g}" for one in value) or "empty"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return f"`{value}`" if value else "empty"


def further(name: str, family: Family) -> list[str]:
    """What else may be set: of the model, the server or the reranker that a family runs."""
    said = []
    if name == "listwise":
        trained = ", ".join(f"`{key}={value}`" for key, value in AS_TRAINED.items())
        said.append(
            f"Without a model's name the defaults are those that the shipped adapter was trained with: {trained}."
        )
    sources = [one.title for one in family.further("owner/name", {})]
    if "expensive" in family.settings.model_fields:
        said.append("It also takes all settings of the reranker that `expensive` names.")
    elif sources:
        links = {"the server": "the [server](#server), except those of a chat model: " + of_server()}
        named = [
            "the [engine](#engines) that runs the model" if "engine" in one else links.get(one, f"[{one}](#{one})")
            for one in sources
        ]
        said.append(f"It also takes the settings of {' and of '.join(named)}.")
    return [" ".join(said) + "\n"] if said else []


def of_server() -> str:
    """Settings of a server that are about a chat model on it."""
    from mmrank.llm.settings import ChatServerSettings, ServerSettings

    own = ChatServerSettings.model_fields.keys() - ServerSettings.model_fields.keys()
    return ", ".join(f"`{name}`" for name in ChatServerSettings.model_fields if name in own)


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the file differs")
    parser.add_argument("--file", type=Path, default=PAGE, help="the page")
    arguments = parser.parse_args()
    text = page()
    if not arguments.check:
        arguments.file.write_text(text, encoding="utf-8")
    elif not arguments.file.is_file() or arguments.file.read_text(encoding="utf-8") != text:
        sys.exit(f"{arguments.file} is not what the settings say; run: python tools/make_settings_docs.py")


if __name__ == "__main__":
    main()
