"""Files that arrive in a form (multipart/form-data), written to the disk as they come: none is ever whole in memory."""

from __future__ import annotations

import asyncio
import errno
import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from mmrank.adding.saving import checked_name
from mmrank.errors import InputError
from mmrank.formats import SUFFIXES
from mmrank.serve.errors import ApiError

LONGEST_FIELD = 64 << 10
BLOCK = 1 << 20


class Received:
    """What a form holds.

    Args:
        folder: where its files are written, as 0, 1, ….
        largest: bytes that one file may have.
        most: files that it may have.
    """

    def __init__(self, folder: Path, largest: int, most: int) -> None:
        self.names: list[str] = []
        self.refused: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        self._folder, self._largest, self._most = folder, largest, most
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[str, str] = {}
        self._field = ""
        self._file: BinaryIO | None = None
        self._size = 0
        self._text = bytearray()
        self._dropped = False
        self._whole = False

    async def read(self, request: Request) -> None:
        """Read the form.

        Raises:
            ApiError: for another kind of request, a name that no file can have, a file that is too large,
                too many files, none, or a form that ends too soon.
            OSError: when the disk cannot take it.
        """
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise ApiError(415, "no_form", "Send files as multipart/form-data: curl -F files=@report.pdf …")
        parser = MultipartParser(options[b"boundary"], self._callbacks())
        held = bytearray()
        try:
            async for piece in request.stream():
                held += piece
                if len(held) >= BLOCK:
                    await asyncio.to_thread(parser.write, bytes(held))
                    held.clear()
            await asyncio.to_thread(parser.write, bytes(held))
        except FormParserError as error:
            raise ApiError(400, "broken_form", "The form cannot be read; is it multipart/form-data?") from error
        except ClientDisconnect as error:
            raise ApiError(400, "upload_incomplete", "The connection ended before the upload did.") from error
        finally:
            if self._file is not None:
                self._file.close()
        if not self._whole:
            raise ApiError(400, "upload_incomplete", "The upload ended in the middle; nothing was kept. Send it again.")
        if not self.names and not self.refused:
            raise ApiError(422, "no_files", "The form holds no file; name its field files: curl -F files=@report.pdf …")

    def _callbacks(self) -> Any:
        def gather(into: bytearray) -> Callable[[bytes, int, int], None]:
            def take(data: bytes, start: int, end: int) -> None:
                into.extend(data[start:end])

            return take

        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": gather(self._header),
            "on_header_value": gather(self._value),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._part_begun,
            "on_part_data": self._data,
            "on_part_end": self._part_ended,
            "on_end": self._ended,
        }

    def _header_ended(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _part_begun(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", "").encode())
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename")
        if name == b"":  # what a browser sends of a field in which no file was chosen
            self._dropped = True
            return
        if name is None:
            if self._field != "metadata":
                raise ApiError(
                    422, "invalid_request", f"The form has a field {self._field[:80]!r}; files and metadata are taken."
                )
            self._text.clear()
            return
        if len(self.names) + len(self.refused) >= self._most:
            said = f"One upload has at most {self._most} files; send the others after it."
            raise ApiError(413, "too_many_files", said)
        self._size = 0
        self._dropped = not self._taken(name.decode("utf-8", "replace"))
        if not self._dropped:
            self._file = (self._folder / str(len(self.names) - 1)).open("wb")

    def _taken(self, name: str) -> bool:
        """Note the name of a file that is to be read; one of another kind is noted with the reason."""
        try:
            checked_name(name)
        except InputError as error:
            raise ApiError(400, "bad_name", str(error)) from error
        if name in self.names or name in self.refused:
            raise ApiError(409, "bad_name", f"Two files are named {name}; give each a name of its own.")
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in SUFFIXES:
            self.names.append(name)
        else:
            self.refused[name] = f"files {f'with the suffix {suffix}' if suffix else 'without a suffix'} are not read"
        return suffix in SUFFIXES

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._dropped:
            return
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > LONGEST_FIELD:
                raise ApiError(413, "too_large", f"metadata: at most {LONGEST_FIELD:,} bytes are taken.")
            return
        self._size += end - start
        if self._size > self._largest:
            said = f"{self.names[-1]} is larger than the {self._largest:,} bytes that one file may have."
            raise ApiError(413, "too_large", said)
        self._file.write(data[start:end])

    def _part_ended(self) -> None:
        if self._dropped:
            self._dropped = False
            return
        if self._file is not None:
            self._file.close()
            self._file = None
            return
        try:
            value = json.loads(self._text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise ApiError(400, "bad_input", 'metadata: write it as JSON, such as {"author": "A. Smith"}.')
        self.metadata = value

    def _ended(self) -> None:
        self._whole = True


def disk_error(error: OSError) -> ApiError:
    """What is told where the disk cannot take an upload."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ApiError(507, "disk_full", "The disk of the service is full; nothing was kept.")
    said = re.sub(r"[^\w ]", "", error.strerror or type(error).__name__)
    return ApiError(500, "not_written", f"The service cannot write what you send: {said}.")
