"""Label Studio in its own environment, and as a service of the platform."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.local import labelling
from include.local.__main__ import main
from include.local.labelling import USER, LabellingInstallError, fingerprint, install, is_installed, labelling_command
from include.local.platform import Platform
from tests.fixtures.labelling import INSTALLATION
from tests.fixtures.platform import new_platform, remove


def test_what_is_not_installed_says_how(tmp_path: Path) -> None:
    with pytest.raises(LabellingInstallError, match=r"include\.local\.labelling install --root"):
        labelling_command(tmp_path, tmp_path / "data", 1, "t", "p")


def test_a_half_made_installation_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(labelling, "uv", calls.append)
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "half").touch()
    assert install(tmp_path) and not (tmp_path / "env" / "half").exists()
    assert [call[0] for call in calls] == ["venv", "pip"] and str(labelling.REQUIREMENTS) in calls[1]
    assert is_installed(tmp_path) and not install(tmp_path)
    monkeypatch.setattr(labelling, "fingerprint", lambda: {**fingerprint(), "lock": "other"})
    assert not is_installed(tmp_path)


def test_an_installation_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fails(arguments: list[str]) -> None:
        raise labelling.TritonInstallError("no index")

    monkeypatch.setattr(labelling, "uv", fails)
    assert labelling.main(["install", "--root", str(tmp_path)]) == 1
    assert "Label Studio cannot be installed: no index" in capsys.readouterr().err
    assert not is_installed(tmp_path)


def test_no_secret_is_an_argument_and_nothing_phones_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "is_installed", lambda root: True)
    argv, environment = labelling_command(tmp_path, tmp_path / "data", 8085, "a-token", "비밀번호")
    assert not {"a-token", "비밀번호"} & set(argv)
    assert environment["LABEL_STUDIO_USER_TOKEN"] == "a-token"
    assert environment["COLLECT_ANALYTICS"] == environment["LATEST_VERSION_CHECK"] == "false"
    assert environment["LABEL_STUDIO_SENTRY_DSN"] == environment["LABEL_STUDIO_FRONTEND_SENTRY_DSN"] == ""
    assert environment["LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK"] == "true"


@pytest.fixture
def platform() -> Iterator[Platform]:
    if not is_installed(INSTALLATION):
        pytest.skip(f"Label Studio is not installed under {INSTALLATION}: make install-dev does it")
    made = new_platform()
    try:
        yield made
    finally:
        remove(made)


@pytest.mark.integration
def test_it_starts_by_name_and_stops_with_the_rest(platform: Platform, capsys: Any) -> None:
    assert main(["--home", str(platform.places.home), "labelling"]) == 0
    told = capsys.readouterr().out
    url, secrets = platform.settings.labelling_url, platform.secrets
    assert url in told and USER in told and secrets.labelling_password in told and secrets.labelling_token not in told
    assert set(platform.status()) >= {"labelling"} and platform.status()["labelling"][1] is None
    headers = {"Authorization": f"Token {secrets.labelling_token}"}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        assert http.get("/api/projects", headers=headers).status_code == 200
        assert http.get("/api/projects").status_code == 401
        hidden = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', http.get("/user/signup/").text)
        assert hidden
        form = {"email": "stranger@example.com", "password": "12345678a", "csrfmiddlewaretoken": hidden[1]}
        assert http.post("/user/signup/", data=form, headers={"Referer": f"{url}/user/signup/"}).status_code == 403
        emails = [one["email"] for one in http.get("/api/users/", headers=headers).json()]
    assert emails == [USER]
    assert platform.places.labelling.is_relative_to(platform.places.home) and any(platform.places.labelling.iterdir())
    platform.down()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_the_commands_are_there() -> None:
    done = subprocess.run([sys.executable, "-m", "include.local", "--help"], capture_output=True, text=True, check=True)
    assert "labelling" in done.stdout
