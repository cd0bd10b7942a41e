"""Which models clients may name. Loading one can take memory, reach the network and read folders of this machine."""

from __future__ import annotations

from mmrank.serve.errors import ApiError
from mmrank.serve.settings import ServeSettings


def allowed_model(name: str, settings: ServeSettings) -> str:
    """The name of a chat model, if the service was started with it.

    Raises:
        ApiError: for any other.
    """
    if name not in settings.models:
        known = ", ".join(settings.models) or "none"
        raise ApiError(
            403, "model_not_allowed", f"The model {name[:80]!r} is not for clients to name; allowed: {known}."
        )
    return name


def allowed_reranker(name: str | None, settings: ServeSettings) -> str | None:
    """The name of a reranker, if it has an embedded model or the service was started with it.

    Raises:
        ApiError: for any other.
    """
    if name is None or name in settings.rerankers or not set(name) & set(":/\\"):
        return name
    known = ", ".join(settings.rerankers) or "none beside those with embedded models"
    raise ApiError(
        403, "model_not_allowed", f"The reranker {name[:80]!r} is not for clients to name; allowed: {known}."
    )
