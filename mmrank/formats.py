"""Kinds of files, and how each is opened: the same for reading, drawing and reranking."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.encodings import decoded
from mmrank.markdown_source import prepared

if TYPE_CHECKING:
    import pymupdf

TEXT = {".txt": "txt", ".text": "txt", ".md": "md", ".markdown": "md"}
"""Suffixes of text files, which may be of any encoding, and what PyMuPDF calls the kind."""
WEB = frozenset({".html", ".htm", ".xhtml"})
REFERRING = WEB | {".svg", ".fb2"}
"""Kinds that may refer to other files. They are read from memory, where those cannot be found."""
OFFICE = frozenset({".docx", ".pptx", ".xlsx"})
BOOKS = frozenset({".epub", ".fb2", ".mobi"})
CONVERTED = frozenset({".webp"})
"""Kinds of pictures that PyMuPDF does not open; they are converted in memory."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".jp2"}) | CONVERTED
SUFFIXES = PICTURES | WEB | OFFICE | BOOKS | frozenset(TEXT) | {".pdf", ".xps", ".svg"}
"""Suffixes of the files that are read from a folder. A file that is named by itself is read whatever its suffix."""

LONGEST_WORD = {"txt": 50, "md": 2000}
"""Characters after which a word is divided. What is wider than the page is lost, and MuPDF takes time by the square of
a word's length. In Markdown only words without end are divided, such as encoded data: addresses must stay whole."""
# Not Chinese or Japanese, which has no blanks.
_LONG = {kind: re.compile(rf"[!-\u2fff]{{{longest}}}(?=[!-\u2fff])") for kind, longest in LONGEST_WORD.items()}

_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE
)


def open_file(path: str | Path) -> pymupdf.Document:
    """The file as a PyMuPDF document. Raises what PyMuPDF and Pillow raise, which are several unrelated types."""
    import pymupdf

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in TEXT:
        # Without a line end, the last letter of Markdown is lost.
        text = _LONG[TEXT[suffix]].sub("\\g<0>\n", decoded(path.read_bytes()).rstrip("\x00")) + "\n"
        if TEXT[suffix] == "md":
            text = prepared(text)
        return pymupdf.open(stream=text.encode("utf-8", "replace"), filetype=TEXT[suffix])
    if suffix in WEB:
        return pymupdf.open(stream=_page(path.read_bytes()), filetype=suffix[1:])
    if suffix in REFERRING:
        return pymupdf.open(stream=path.read_bytes(), filetype=suffix[1:])
    if suffix in CONVERTED or _is_webp(path):
        return pymupdf.open(stream=_converted(path), filetype="png")
    return pymupdf.open(os.fspath(path))


def _is_webp(path: Path) -> bool:
    """Whether a file is WebP by its content: programs that save pictures of the web give it other suffixes."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _page(data: bytes) -> bytes:
    """A web page as UTF-8, which is what PyMuPDF takes it for."""
    said = _CHARSET.search(data[:4096])
    if said and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(said[1].decode()).encode("utf-8", "replace")
        except (LookupError, UnicodeError):
            pass  # what a page says of its encoding is often wrong
    return decoded(data).encode("utf-8", "replace")


def _converted(path: Path) -> bytes:
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        upright: Any = ImageOps.exif_transpose(picture)
        flat = Image.new("RGB", upright.size, "white")
        shown = upright.convert("RGBA")
        flat.paste(shown, mask=shown.getchannel("A"))
    held = io.BytesIO()
    flat.save(held, "PNG", compress_level=1)
    return held.getvalue()
