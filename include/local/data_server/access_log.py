"""The access log: one line of JSON for each request, who asked for what and what came of it."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import orjson
from starlette.requests import Request

MAX_BYTES = 32 << 20
KEPT = 10
MOST_ADDRESS = 4000
_log = logging.getLogger(__name__)
KEY, CLAIMED = "devmlops.key", "devmlops.claimed"  # where the application leaves the caller in a request's scope


class AccessLog:
    """Writes to a file that is begun anew at ``max_bytes``; the last ``kept`` ones stay beside it as ``.1``, ``.2``.

    A line holds the time the request came, the access key's id and user (null where none was proved; ``claimed`` names
    the key whose secret was wrong), method, address with its query, status and milliseconds until the answer began.
    Secrets and contents are in none of these. A full disk stops the log, not the server.

    Args:
        file: the log; its folder must be there.
        max_bytes: size at which a new file is begun.
        kept: how many old files are kept.
    """

    def __init__(self, file: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self._path, self._max_bytes, self._kept, self._failed = file, max_bytes, kept, False
        self._open()

    def note(self, request: Request, status: int, begin: float) -> None:
        """Write a request's line.

        Args:
            request: the request.
            status: of the answer.
            begin: `time.perf_counter` when it came.
        """
        took = time.perf_counter() - begin
        scope = request.scope
        key, query = scope.get(KEY), scope["query_string"].decode("latin-1")
        line = {
            "at": datetime.fromtimestamp(time.time() - took, UTC).isoformat(timespec="milliseconds"),
            "key": key.access_key_id if key else None,
            "user": key.user if key else None,
            "method": scope["method"],
            "address": (scope["path"] + (f"?{query}" if query else ""))[:MOST_ADDRESS],
            "status": status,
            "ms": round(took * 1000, 1),
        }
        if not key and scope.get(CLAIMED):
            line["claimed"] = scope[CLAIMED]
        self._write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> None:
        self._path.touch(mode=0o600)
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size

    def _write(self, line: bytes) -> None:
        try:
            if self._file.closed:  # beginning anew went wrong
                self._open()
            if self._size and self._size + len(line) > self._max_bytes:
                self._begin_anew()
            self._file.write(line)
            self._size += len(line)
            self._failed = False
        except (OSError, ValueError) as cause:
            if not self._failed:
                _log.error("the access log cannot be written, requests go on: %s", cause)
            self._failed = True

    def _begin_anew(self) -> None:
        self._file.close()
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._kept + 1))]
        for older, newer in reversed(list(pairwise(names))):
            if older.exists():
                older.replace(newer)
        self._open()
