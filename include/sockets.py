"""Unix sockets of a home folder: where they lie, and who is at their other end."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import tempfile
from pathlib import Path

MAX_PATH = 90  # bytes; Linux allows 107, and supervisord adds its process id while it binds


def socket_path(home: Path, name: str) -> Path:
    """Return the socket ``name`` of a home folder: under it, or in the temporary folder where that path is too long."""
    path = home / "run" / name
    if len(os.fsencode(path)) <= MAX_PATH:
        return path
    folder = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"devmlops-{os.getuid()}-{folder}-{name}"


def is_own(connection: socket.socket) -> bool:
    """Tell whether the process at the other end belongs to the user of this one; in the temporary folder anybody may listen."""
    form = "3i"
    _, user, _ = struct.unpack(form, connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form)))
    return bool(user == os.getuid())
