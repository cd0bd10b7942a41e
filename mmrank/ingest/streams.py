"""Measures how large a page's content becomes once decompressed, without keeping it in memory."""

from __future__ import annotations

import zlib
from typing import Any

from mmrank.ingest.opening import FileError
from mmrank.ingest.options import Limits

DEFLATE_RATIO = 1032
"""No Deflate stream grows by more than this factor."""


def check_content(page: Any, limits: Limits) -> None:
    """Refuse a PDF page whose content streams decode to more than `limits.decoded_bytes`.

    Streams that cannot grow so large are not decoded; for filters other than Flate, the memory limit applies.

    Raises:
        FileError: names the limit.
    """
    file = page.parent
    if not file.is_pdf:
        return
    left = limits.decoded_bytes
    for reference in page.get_contents():
        filters = file.xref_get_key(reference, "Filter")[1]
        depth = filters.count("/FlateDecode") + filters.count("/Fl ")
        raw = file.xref_stream_raw(reference) or b""
        if not depth or len(raw) * DEFLATE_RATIO**depth <= left:
            continue
        left -= _decoded_size(raw, depth, left)
        if left < 0:
            raise FileError(f"decodes to more than the {limits.decoded_bytes} bytes allowed")


def _decoded_size(data: bytes, depth: int, most: int) -> int:
    """Size after `depth` inflations; stops soon after `most` is passed."""
    layers = [zlib.decompressobj() for _ in range(depth)]
    size = 0

    def pour(piece: bytes, layer: int) -> None:
        nonlocal size
        if layer == depth:
            size += len(piece)
            return
        while piece and size <= most:
            pour(layers[layer].decompress(piece, 1 << 20), layer + 1)
            piece = layers[layer].unconsumed_tail

    try:
        for start in range(0, len(data), 1 << 16):
            pour(data[start : start + (1 << 16)], 0)
            if size > most:
                break
    except zlib.error:
        return size
    return size
