"""Facts that ship with the package as YAML, such as the lines of financial statements."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


@cache
def knowledge(package: str, file: str) -> Any:
    """What a YAML file of a package holds, read once.

    >>> sorted(knowledge("mmrank.query", "finance.yaml"))
    ['figures', 'statements', 'terms']
    """
    import yaml

    # LibYAML's loader is ten times faster than the one in Python, which a short command would feel.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(resources.files(package).joinpath(file).read_text("utf-8"), Loader=loader)
