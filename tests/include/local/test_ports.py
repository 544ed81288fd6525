from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from include.local.ports import PREFERRED, choose_ports, is_free


@pytest.fixture
def listener() -> socket.socket:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s


def test_a_port_that_somebody_listens_on_is_not_free(listener: socket.socket) -> None:
    assert not is_free(listener.getsockname()[1])


def test_the_usual_ports_are_taken_where_they_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.local.ports.is_free", lambda port: True)
    assert choose_ports(tmp_path / "ports.json") == PREFERRED


def test_another_port_is_found_for_one_that_is_taken(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = listener.getsockname()[1]
    monkeypatch.setitem(PREFERRED, "airflow", taken)
    chosen = choose_ports(tmp_path / "ports.json")
    assert chosen["airflow"] != taken
    assert len(set(chosen.values())) == len(PREFERRED)


def test_the_last_choice_is_kept_while_it_is_free_or_ours(tmp_path: Path, listener: socket.socket) -> None:
    file = tmp_path / "ports.json"
    file.write_text(json.dumps(dict.fromkeys(PREFERRED, 0)))
    first = choose_ports(file)
    assert choose_ports(file) == first
    ours = listener.getsockname()[1]
    file.write_text(json.dumps({**first, "mlflow": ours}))
    assert choose_ports(file, lambda port: port == ours)["mlflow"] == ours
    assert choose_ports(file)["mlflow"] != ours


@pytest.mark.parametrize("content", ["", "{", "[]", '{"airflow": "x", "mlflow": -1, "data": 99999999}'])
def test_a_damaged_file_is_written_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(content)
    assert json.loads(json.dumps(choose_ports(file))) == json.loads(file.read_text())


def test_no_two_services_get_one_port(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text(json.dumps({"airflow": 45123, "mlflow": 45123}))
    assert len(set(choose_ports(file).values())) == len(PREFERRED)
