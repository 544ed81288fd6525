"""Keys, tokens and passwords of the local platform: made once, kept in one file that only its owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from include.local.errors import SecretsError
from include.local.places import write_private

USERS = ("developer", "approver1", "approver2", "operator", "viewer")
DATA_KEYS = ("dev", "ops", "admin")


def _token() -> str:
    return secrets.token_urlsafe(32)


def _data_keys() -> dict[str, dict[str, str]]:
    return {
        name: {"access_key": f"AKIA{secrets.token_hex(8).upper()}", "secret_key": secrets.token_urlsafe(30)} for name in DATA_KEYS
    }


def _passwords() -> dict[str, str]:
    return {user: secrets.token_urlsafe(12) for user in USERS}


@dataclass(frozen=True)
class Secrets:
    """Everything secret of one platform.

    Attributes:
        data: access and secret key of the data server's clients ``dev``, ``ops`` and ``admin``.
        inference_admin_token: bearer token of the inference AP's control routes.
        webhook_token: bearer token of alert webhooks.
        masking_salt: key of the hashes in masked samples.
        labelling_token: API token of the labelling server's own account, 40 hexadecimal digits as it wants.
        labelling_password: password of that account.
        jwt_secret: signs Airflow's log-in and task tokens, 64 bytes as Airflow wants.
        fernet_key: encrypts Airflow's connections.
        airflow_secret_key: signs Airflow's browser sessions.
        passwords: password by user name.
    """

    data: dict[str, dict[str, str]] = field(default_factory=_data_keys, repr=False)
    inference_admin_token: str = field(default_factory=_token, repr=False)
    webhook_token: str = field(default_factory=_token, repr=False)
    masking_salt: str = field(default_factory=_token, repr=False)
    labelling_token: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    labelling_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    fernet_key: str = field(default_factory=lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(), repr=False)
    airflow_secret_key: str = field(default_factory=_token, repr=False)
    passwords: dict[str, str] = field(default_factory=_passwords, repr=False)


def load_secrets(file: Path) -> Secrets:
    """Return the secrets in ``file``; what is missing is made and kept.

    Raises:
        SecretsError: the file is not what this function wrote.
    """
    stored: dict[str, Any] = {}
    if file.exists():
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        try:
            stored = dict(json.loads(file.read_text(encoding="utf-8")).items())
            loaded = Secrets(**{f.name: stored[f.name] for f in fields(Secrets) if f.name in stored})
            complete = Secrets(
                **{**asdict(loaded), "data": {**_data_keys(), **loaded.data}, "passwords": {**_passwords(), **loaded.passwords}}
            )
        except (ValueError, TypeError, AttributeError) as cause:
            raise SecretsError(f"{file} is damaged: `make clean` removes it with the whole local platform") from cause
    else:
        complete = Secrets()
    if asdict(complete) != stored:
        write_private(file, json.dumps(asdict(complete), indent=1))
    return complete
