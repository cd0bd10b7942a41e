"""A collection as a server of the Model Context Protocol: assistants search it, look at its pages and cite them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrank.errors import require

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.server import MCPServer

    from mmrank.collection import Collection
    from mmrank.llm.protocol import ChatModel


def make_server(
    library: Collection, *, name: str | None = None, model: ChatModel | None = None, files: Path | None = None
) -> MCPServer:
    """The server of one collection; it is run by the SDK (`run_stdio_async`, `streamable_http_app`).

    Args:
        library: the collection; it stays open for as long as the server runs.
        name: what the collection is called towards assistants, by default its folder's name.
        model: writes the answers of the tool `ask`; without one they are extracted.
        files: offer the tools that add and remove documents; files are added from this folder and those below it.

    Raises:
        MissingExtraError: when the SDK is not installed; names the extra "mcp".
    """
    require("mcp", "mcp")
    from mmrank.mcp.server import build

    return build(lambda: library, name=name or library.path.absolute().stem, model=model, files=files)
