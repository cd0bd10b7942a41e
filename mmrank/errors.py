"""The one exception family of mmrank.

Every message says what was wrong, with which input, and what to do about it.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from mmrank.printable import printable


class MmrankError(Exception):
    """Something failed that the user should read about. The command line exits with 1.

    The message may quote names of files, documents and what servers say: it is made safe to print.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class InputError(MmrankError, ValueError):
    """The caller asked for something that cannot be: a usage error. The command line exits with 2."""

    exit_code = 2


class MissingExtraError(MmrankError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed. Install it with: pip install 'mmrank[{extra}]'")
        self.module = module
        self.extra = extra


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: dotted name of the module to import.
        extra: the extra of mmrank that brings it.

    Raises:
        MissingExtraError: when the module is not installed; names the extra to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtraError(module, extra) from error
