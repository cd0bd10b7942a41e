"""Builders of malicious and broken files."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mmrank.ingest import IngestOptions, Outcome, read_documents
from mmrank.ingest.pipeline import LocalEngine

Builder = Callable[[Path], None]


def good_pdf(path: Path, words: str = "A plain page about lighthouses.", pages: int = 2) -> None:
    import pymupdf

    with pymupdf.open() as file:
        for number in range(pages):
            page = file.new_page()
            page.insert_text((72, 72), f"{words} Number {number + 1}.")
        file.save(path)


def raw_pdf(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), entries, data)


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<<%s>>>>"


def encrypted(path: Path) -> None:
    import pymupdf

    with pymupdf.open() as file:
        file.new_page().insert_text((72, 72), "secret")
        file.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open", owner_pw="sesame")


def page_tree_cycle(path: Path) -> None:
    path.write_bytes(
        raw_pdf([CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 2>>", b"<</Type/Pages/Kids[2 0 R]/Count 2>>"])
    )


def million_pages(path: Path) -> None:
    path.write_bytes(raw_pdf([CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1000000>>", PAGE % b"", stream(b"0 0 m")]))


def flate_bomb(path: Path) -> None:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b"0 0 m " * 170_000) for _ in range(400)) + packer.flush()
    objects = [CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE % b"", stream(data, b"/Filter/FlateDecode")]
    path.write_bytes(raw_pdf(objects))


def nested_flate_bomb(path: Path) -> None:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(2000)) + packer.flush()
    data = zlib.compress(data, 9)
    filters = b"/Filter[/FlateDecode/FlateDecode]"
    objects = [CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE % b"", stream(data, filters)]
    path.write_bytes(raw_pdf(objects))


def huge_picture(path: Path) -> None:
    picture = stream(
        zlib.compress(bytes(1000)),
        b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8"
        b"/ColorSpace/DeviceRGB/Filter/FlateDecode",
    )
    page = PAGE % b"/XObject<</P 5 0 R>>"
    objects = [CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, stream(b"200 0 0 200 0 0 cm /P Do"), picture]
    path.write_bytes(raw_pdf(objects))


def huge_png(path: Path) -> None:
    import struct

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def broken_font(path: Path) -> None:
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/Nope/FontDescriptor 6 0 R/FirstChar 0/LastChar 1/Widths[9 9]>>"
    descriptor = b"<</Type/FontDescriptor/FontName/Nope/Flags 4/FontFile2 7 0 R>>"
    text = stream(b"BT /F 12 Tf 20 20 Td (hello) Tj ET")
    page = PAGE % b"/Font<</F 5 0 R>>"
    kids = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    path.write_bytes(raw_pdf([CATALOGUE, kids, page, text, font, descriptor, stream(os.urandom(4000))]))


def many_objects(path: Path) -> None:
    body = raw_pdf([CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE % b"", stream(b"0 0 m")])
    path.write_bytes(body.replace(b"xref\n0 5", b"xref\n0 4000000000"))


def not_a_pdf(path: Path) -> None:
    path.write_bytes(b"\x7fELF" + os.urandom(5000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def directory(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def missing(path: Path) -> None:
    """Nothing is built."""


BAD: dict[str, tuple[Builder, str]] = {
    "encrypted": (encrypted, "encrypted"),
    "page_tree_cycle": (page_tree_cycle, "page"),
    "million_pages": (million_pages, "number of pages"),
    "flate_bomb": (flate_bomb, "decodes to more"),
    "nested_flate_bomb": (nested_flate_bomb, "decodes to more"),
    "huge_picture": (huge_picture, "100000 × 100000"),
    "not_a_pdf": (not_a_pdf, "cannot be opened"),
    "empty": (empty, "is empty"),
    "directory": (directory, "is a directory"),
    "pipe": (pipe, "a pipe"),
    "missing": (missing, "cannot be read"),
}
"""Files that cannot become documents, and a word of the reason that must be given."""

ODD: dict[str, Builder] = {"broken_font": broken_font, "many_objects": many_objects}
"""Files that may be read in part or be refused, but must do no harm."""

FAULTY_WORKER = '''
"""The real worker, except that files named so hang, abort, spin, hog memory or are changed while being read."""
import ctypes, os, subprocess, time
from pathlib import Path
from mmrank.ingest import reading, worker

real = reading.read_pages

def read_pages(path, *rest):
    name = Path(path).stem
    if name == "hangs":
        time.sleep(600)
    if name == "aborts":
        os.abort()
    if name == "segfaults":
        ctypes.string_at(0)
    if name == "exits":
        os._exit(3)
    if name == "spins":
        while True:
            pass
    if name == "hogs":
        held = []
        while True:
            held.append(bytearray(64 << 20))
    if name == "babbles":
        os.write(1, b"not an answer" * 1000)
        print("neither is this", flush=True)
    drafts = real(path, *rest)
    if name == "changes":
        time.sleep(3)
    return drafts

ready = worker.prepare

def prepare(task):
    ready(task)
    if Path(task["path"]).stem == "changes":  # somebody else writes to it
        subprocess.Popen(["sh", "-c", 'sleep 1; echo more >> "$0"', task["path"]])

reading.read_pages = read_pages
worker.prepare = prepare
worker.main()
'''


@pytest.fixture
def make_good() -> Callable[..., None]:
    """Writes a harmless PDF."""
    return good_pdf


@pytest.fixture
def bad_files() -> dict[str, tuple[Builder, str]]:
    """Builders of files that must be refused, with a word of the reason."""
    return BAD


@pytest.fixture
def odd_files() -> dict[str, Builder]:
    """Builders of files that may be read or refused."""
    return ODD


@pytest.fixture
def png_bomb() -> Builder:
    """Builds a picture of 100,000 × 100,000 pixels."""
    return huge_png


@pytest.fixture
def without_ocr() -> IngestOptions:
    """The default options and limits, without recognition."""
    return IngestOptions(ocr=False)


ENDLESS = {"hangs", "spins"}
SHORT = 2.0
"""Seconds that a file that never ends is given."""


class ImpatientEngine(LocalEngine):
    """Gives the files that never end a short time limit and every other file the usual one.

    So how busy the machine is decides nothing: what never ends outlasts any limit, and what ends is never cut short.
    """

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[tuple[dict[str, Any], bytes]]:
        if Path(task["path"]).stem in ENDLESS:
            options = task["options"]
            task = {**task, "options": {**options, "limits": {**options["limits"], "seconds": SHORT}}}
        return super().submit(task, body)


@pytest.fixture
def run_faulty(tmp_path: Path) -> Callable[[Sequence[Path], IngestOptions], dict[str, Outcome]]:
    """Reads files with a worker into which faults were injected; outcomes by file stem."""

    def run(files: Sequence[Path], options: IngestOptions) -> dict[str, Outcome]:
        program = tmp_path / "faulty_worker.py"
        program.write_text(FAULTY_WORKER)
        engine = ImpatientEngine(2, [sys.executable, str(program)])
        named = [(file, file.name) for file in files]
        return {outcome.path.stem: outcome for outcome in read_documents(named, options=options, engine=engine)}

    return run
