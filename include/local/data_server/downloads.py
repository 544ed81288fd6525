"""An object's bytes as an answer: whole, a range of them, or only the headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from include.local.data_server.errors import ApiError
from include.local.data_server.tree import Entry

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
_CHUNK = 256 * 1024


def answer(
    entry: Entry, data: bytes | None, path: Path, *, wanted: str | None, if_none_match: str | None, head: bool
) -> Response:
    """Return the response for one object.

    Args:
        entry: the object's record.
        data: its bytes where they lie in the database.
        path: its file where they do not.
        wanted: the Range header.
        if_none_match: the If-None-Match header.
        head: leave the body out.

    Raises:
        ApiError: 416 for a range that is malformed or past the end, 410 when the bytes are gone from the disk.
    """
    headers = {
        "ETag": f'"{entry.checksum}"',
        "Last-Modified": formatdate(entry.mtime, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": _printable(entry.content_type),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if if_none_match is not None and if_none_match.strip('" ') in (entry.checksum, "*"):
        return Response(status_code=304, headers=headers)
    if data is None and not path.is_file():
        raise ApiError(410, f"no data: the content {entry.sha} is gone from the disk, restore it from a backup")
    first, last = (0, entry.size - 1) if wanted is None else _range(wanted, entry.size)
    status = 200 if wanted is None else 206
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    headers["Content-Length"] = str(last - first + 1)
    if head:
        return Response(status_code=status, headers=headers)
    if data is not None:
        return Response(data[first : last + 1], status_code=status, headers=headers)
    return StreamingResponse(_file(path, first, last), status_code=status, headers=headers)


def _range(text: str, size: int) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    first, last = match.groups() if match else ("", "")
    if first and (not last or int(last) >= int(first)) and int(first) < size:
        return int(first), min(int(last), size - 1) if last else size - 1
    if match and not first and last and int(last) > 0 and size > 0:
        return max(0, size - int(last)), size - 1
    message = f"requested range {text[:100]!r} is not satisfiable: the object has {size} bytes, and one range can be asked for"
    raise ApiError(416, message, {"Content-Range": f"bytes */{size}"})


def _printable(content_type: str) -> str:
    return content_type if content_type.isascii() and content_type.isprintable() else "application/octet-stream"


async def _file(path: Path, first: int, last: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, first)
        left = last - first + 1
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(_CHUNK, left))
            if not chunk:
                raise RuntimeError(f"{path} is shorter than recorded: the data server's folder is damaged")
            left -= len(chunk)
            yield chunk
    finally:
        file.close()
