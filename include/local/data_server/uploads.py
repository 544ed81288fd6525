"""The body of an upload, read as it arrives: raw bytes or the ``content`` part of a multipart form."""

from __future__ import annotations

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from include.local.data_server.blobs import Incoming
from include.local.data_server.errors import ApiError, BadRequest

MULTIPART = b"multipart/form-data"
OCTETS = "application/octet-stream"
_PREFIXES = ("x-lakefs-meta-", "x-amz-meta-")
_MOST_HEADER_BYTES = 16 * 1024


def check_length(headers: Headers, limit: int) -> None:
    """Raise where the headers already say that the body cannot be taken.

    Raises:
        ApiError: 411 without length, 413 when it is too large, 400 when it is no number.
    """
    length = headers.get("content-length")
    if length is None:
        if "chunked" not in headers.get("transfer-encoding", "").lower():
            raise ApiError(411, "length required: send Content-Length or Transfer-Encoding: chunked")
    elif not length.isascii() or not length.isdigit():
        raise BadRequest("Content-Length must be a number")
    elif int(length) > limit + 64 * 1024:
        raise ApiError(413, f"object is larger than {limit} bytes: split it, or start the server with --max-object-bytes")


def user_metadata(headers: Headers) -> dict[str, str]:
    """Return the metadata that an upload carries in its headers; values are UTF-8 or, failing that, Latin-1."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers.raw:
        name = raw_name.decode("latin-1").lower()
        for prefix in _PREFIXES:
            if name.startswith(prefix) and len(name) > len(prefix):
                try:
                    found[name[len(prefix) :]] = raw_value.decode()
                except UnicodeDecodeError:
                    found[name[len(prefix) :]] = raw_value.decode("latin-1")
    return found


async def read(stream: AsyncIterator[bytes], headers: Headers, incoming: Incoming) -> str:
    """Write the object's bytes to ``incoming`` and return its content type.

    Raises:
        BadRequest: the form is broken, has no part ``content``, or the caller went away.
    """
    content_type = headers.get("content-type") or OCTETS
    try:
        kind, options = parse_options_header(content_type)
        if kind != MULTIPART:
            async for chunk in stream:
                incoming.write(chunk)
            return content_type
        if not options.get(b"boundary"):
            raise BadRequest("multipart/form-data without a boundary")
        form = _Form(options[b"boundary"], incoming)
        async for chunk in stream:
            form.feed(chunk)
        return form.finish()
    except FormParserError as error:
        raise BadRequest(f"broken multipart form: {error}") from error
    except ClientDisconnect:
        raise BadRequest("the connection was closed before the whole object had arrived") from None


class _Form:
    """Takes the part named ``content`` out of a form, without keeping it in memory."""

    def __init__(self, boundary: bytes, incoming: Incoming) -> None:
        self._incoming = incoming
        self._name, self._value, self._headers = bytearray(), bytearray(), dict[str, bytes]()
        self._header_bytes = 0
        self._wanted = self._found = self._complete = False
        self._content_type = OCTETS
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._text,
                "on_header_end": self._header,
                "on_headers_finished": self._start,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> str:
        self._parser.finalize()
        if not self._complete:
            raise BadRequest("broken multipart form: it ends before its last boundary")
        if not self._found:
            raise BadRequest("multipart form without a part named 'content'")
        return self._content_type

    def _begin(self) -> None:
        self._headers, self._header_bytes = {}, 0

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _count(self, added: int) -> None:
        self._header_bytes += added
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise BadRequest("broken multipart form: the headers of a part are too long")

    def _header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _start(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._wanted = options.get(b"name") == b"content"
        if self._wanted:
            if self._found:
                raise BadRequest("multipart form with more than one part named 'content'")
            self._found = True
            self._content_type = self._headers.get("content-type", OCTETS.encode()).decode("latin-1")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._incoming.write(data[start:end])

    def _end(self) -> None:
        self._complete = True
