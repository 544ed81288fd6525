"""Which names of repositories, branches, tags and objects are taken: the rules of lakeFS."""

from __future__ import annotations

import re
from typing import Any

from include.local.data_server.errors import BadRequest

MAX_PATH_BYTES = 1024
MAX_REF_LENGTH = 255
MAX_MESSAGE_BYTES = 64 * 1024
MAX_METADATA_BYTES = 32 * 1024

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
_BRANCH = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_]*")
_NAMESPACE = re.compile(r"(local|mem)://\S*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_repository(name: Any) -> str:
    """Return ``name`` where it may name a repository.

    Raises:
        BadRequest: it may not.
    """
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name):
        raise BadRequest("invalid repository name: use 3 to 63 of a-z, 0-9 and '-', starting with a letter or digit")
    return name


def check_namespace(namespace: Any) -> str:
    """Return ``namespace`` where this server can store under it.

    Raises:
        BadRequest: it is no ``local://`` or ``mem://`` URI.
    """
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace) or len(namespace) > MAX_PATH_BYTES:
        raise BadRequest("invalid storage namespace: the embedded data server stores on this machine, use local://NAME")
    return namespace


def check_branch(name: Any) -> str:
    """Return ``name`` where it may name a branch.

    Raises:
        BadRequest: it may not.
    """
    if not isinstance(name, str) or len(name) > MAX_REF_LENGTH or not _BRANCH.fullmatch(name):
        raise BadRequest(f"invalid branch id: use at most {MAX_REF_LENGTH} of A-Z, a-z, 0-9, '_' and '-', not starting with '-'")
    return name


def check_tag(name: Any) -> str:
    """Return ``name`` where it may name a tag (git's rules for references, without '/').

    Raises:
        BadRequest: it may not.
    """
    bad = (
        not isinstance(name, str)
        or not name
        or len(name) > MAX_REF_LENGTH
        or name == "@"
        or name.endswith((".", ".lock"))
        or any(part in name for part in ("..", "/", "@{"))
        or any(char in "^:?*[\\" or ord(char) <= 0x20 or ord(char) == 0x7F for char in name)
    )
    if bad:
        raise BadRequest(
            "invalid tag id: no spaces, control characters, '/', '..', '@{' or any of ^:?*[\\, no '.' or '.lock' at the end"
        )
    return str(name)


def check_path(path: Any) -> str:
    """Return ``path`` where it may name an object.

    Raises:
        BadRequest: it is empty, too long, or could leave a folder when somebody copies the object to one.
    """
    if not isinstance(path, str) or not path:
        raise BadRequest("missing required value: path")
    if len(path.encode()) > MAX_PATH_BYTES:
        raise BadRequest(f"path is too long: at most {MAX_PATH_BYTES} bytes of UTF-8")
    if _CONTROL.search(path) or any(part in (".", "..") for part in path.split("/")):
        raise BadRequest("invalid path: no control characters and no '.' or '..' as a segment")
    return path


def check_metadata(metadata: Any) -> dict[str, str]:
    """Return ``metadata`` where it maps strings to strings and is not huge.

    Raises:
        BadRequest: it does not.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BadRequest("invalid metadata: an object of strings is needed")
    if sum(len(k.encode()) + len(v.encode()) for k, v in metadata.items()) > MAX_METADATA_BYTES:
        raise BadRequest(f"metadata is too large: at most {MAX_METADATA_BYTES} bytes")
    return metadata


def check_message(message: Any, *, required: bool = True) -> str:
    """Return a commit message.

    Raises:
        BadRequest: it is missing, no string, or too long.
    """
    if message is None and not required:
        return ""
    if not isinstance(message, str):
        raise BadRequest("commit message is required: give a string as 'message'")
    if len(message.encode()) > MAX_MESSAGE_BYTES:
        raise BadRequest(f"commit message is too long: at most {MAX_MESSAGE_BYTES} bytes")
    return message
