"""Access keys and what each may do, read from one private file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from include.local.data_server.errors import ApiError, Forbidden

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="data server"'}


class KeysError(ValueError):
    """The keys file cannot be used; the message says why, never what it holds."""


@dataclass(frozen=True)
class Grant:
    """Repositories by fnmatch pattern, and whether writing (which includes reading) is allowed."""

    repositories: str
    write: bool


@dataclass(frozen=True)
class Key:
    """One access key; ``user`` is the name that commits carry."""

    access_key_id: str
    user: str
    grants: tuple[Grant, ...]

    def may(self, repository: str, *, write: bool) -> bool:
        """Whether this key may read (or write) a repository."""
        return any((g.write or not write) and fnmatchcase(repository, g.repositories) for g in self.grants)

    def require(self, repository: str, *, write: bool) -> None:
        """Raise where this key may not read (or write) a repository, whether there is such a repository or not.

        Raises:
            Forbidden: it may not.
        """
        if not self.may(repository, write=write):
            wanted = "write to" if write else "read"
            raise Forbidden(f"access key {self.access_key_id} may not {wanted} repository {repository!r}: ask for a grant")


class Keys:
    """All access keys.

    Args:
        path: JSON file ``{"keys": [{"access_key_id", "secret_access_key", "user"?, "grants":
            [{"repositories": pattern, "actions": "read" | "write"}]}]}``, readable by its owner alone.

    Raises:
        KeysError: the file is missing, readable by others, or does not have this form.
    """

    def __init__(self, path: Path) -> None:
        try:
            if path.stat().st_mode & 0o077:
                raise KeysError(f"{path} can be read by others: chmod 600 {path}")
            rows = json.loads(path.read_text(encoding="utf-8"))["keys"]
            self._keys: dict[str, tuple[bytes, Key]] = {}
            for row in rows:
                grants = []
                for grant in row["grants"]:
                    if grant["actions"] not in ("read", "write"):
                        raise KeysError(f"{path}: actions is 'read' or 'write'")
                    grants.append(Grant(str(grant["repositories"]), grant["actions"] == "write"))
                name = str(row["access_key_id"])
                key = Key(name, str(row.get("user", name)), tuple(grants))
                if not row["secret_access_key"]:
                    raise KeysError(f"{path}: key {name} has an empty secret_access_key")
                self._keys[name] = (str(row["secret_access_key"]).encode(), key)
        except OSError as error:
            raise KeysError(f"cannot read the keys file {path}: {error.strerror}") from error
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise KeysError(f'{path} must hold {{"keys": [{{access_key_id, secret_access_key, grants}}]}}') from error

    def claimed(self, header: str | None) -> str | None:
        """Return the id of the known key that an Authorization header names, proved or not."""
        with contextlib.suppress(ValueError):
            name = base64.b64decode((header or "").partition(" ")[2], validate=True).decode().partition(":")[0]
            return name if name in self._keys else None
        return None

    def authenticate(self, header: str | None) -> Key:
        """Return the key that an Authorization header proves.

        Raises:
            ApiError: 401 without header, with another scheme, an unknown key or a wrong secret.
        """
        if not header:
            raise ApiError(401, "error authenticating request: send an access key by HTTP basic authentication", _CHALLENGE)
        try:
            scheme, _, coded = header.partition(" ")
            name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            scheme, name, secret = "", "", ""
        expected, key = self._keys.get(name, (b"", None))
        if scheme.lower() != "basic" or not hmac.compare_digest(secret.encode(), expected) or key is None:
            raise ApiError(401, "error authenticating request: unknown access key or wrong secret", _CHALLENGE)
        return key
