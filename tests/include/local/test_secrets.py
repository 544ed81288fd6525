from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from include.local.errors import SecretsError
from include.local.secrets import USERS, load_secrets


def test_they_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = load_secrets(file)
    assert load_secrets(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_secrets(tmp_path / "other.json") != made


def test_they_suit_those_who_use_them(tmp_path: Path) -> None:
    made = load_secrets(tmp_path / "s.json")
    assert len(made.jwt_secret) >= 64
    Fernet(made.fernet_key.encode())
    assert set(made.passwords) == set(USERS)
    assert set(made.data) == {"dev", "ops", "admin"}
    assert len({*made.passwords.values(), *(d["secret_key"] for d in made.data.values())}) == len(USERS) + 3


def test_what_is_missing_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    made = load_secrets(file)
    stored = json.loads(file.read_text())
    del stored["webhook_token"], stored["passwords"]["viewer"]
    file.write_text(json.dumps(stored))
    again = load_secrets(file)
    assert again.webhook_token != made.webhook_token
    assert again.passwords["operator"] == made.passwords["operator"]
    assert again.passwords["viewer"]
    assert load_secrets(file) == again


def test_a_file_that_others_can_read_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    load_secrets(file)
    file.chmod(0o644)
    load_secrets(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"data": 5}'])
def test_a_damaged_file_is_never_replaced_in_silence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(content)
    with pytest.raises(SecretsError, match="damaged"):
        load_secrets(file)
    assert file.read_text() == content


def test_they_do_not_show_when_printed(tmp_path: Path) -> None:
    made = load_secrets(tmp_path / "s.json")
    assert made.webhook_token not in repr(made)
    assert made.passwords["operator"] not in repr(made)
