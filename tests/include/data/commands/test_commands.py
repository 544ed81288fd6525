"""``python -m include.data``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.data import __main__ as program
from include.ledger import Ledger

pytestmark = pytest.mark.integration


@pytest.fixture
def run(world: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Give a function that runs a command and returns exit code, output and errors, on two versions, v1 split."""
    Ledger(world.settings.ledger()).migrate()
    world.split(world.to_version("r1"))
    world.insert(rows(200, 40))
    world.to_version("r2")
    monkeypatch.setattr(program, "Settings", lambda: world.settings)
    monkeypatch.setattr(program, "load_project", lambda *_: world.project)
    capsys.readouterr()

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = program.main(list(arguments))
        found = capsys.readouterr()
        return code, found.out, found.err

    ran.world = world  # type: ignore[attr-defined]
    return ran


def as_json(run: Any, *arguments: str) -> Any:
    code, out, err = run(*arguments, "--json")
    assert code in (0, 1), err
    return json.loads(out)


def test_rounds_and_versions(run: Any) -> None:
    code, out, _ = run("rounds", "list")
    assert code == 0 and len(out.splitlines()) == 3 and "sql:scans" in out
    assert [one["count"] for one in as_json(run, "rounds", "list")] == [200, 40]
    assert as_json(run, "rounds", "list", "--kind", "labels") == []
    code, out, _ = run("versions", "list")
    assert code == 0 and out.splitlines()[0].startswith("version") and out.splitlines()[2].startswith("v2")
    code, out, _ = run("versions", "show")
    assert code == 0 and "v2 of" in out and "첫 판" in out and "240 of 240 items have a label" in out
    assert as_json(run, "versions", "show", "v1")["document"]["count"] == 200


def test_comparing_says_by_its_exit_code_whether_two_differ(run: Any) -> None:
    code, out, _ = run("versions", "compare", "v1", "v2")
    assert code == 1 and "added 40, removed 0, changed 0, relabelled 0" in out and "for example: 201, 202" in out
    assert run("versions", "compare", "v2", "v2")[0] == 0
    assert as_json(run, "versions", "compare", "v1", "v2")["added"] == 40


def test_restoring_writes_who_did_it(run: Any, tmp_path: Path) -> None:
    code, out, _ = run("versions", "restore", "v1", str(tmp_path / "폴더"))
    assert code == 0 and "200 items" in out and (tmp_path / "폴더" / "items" / "items.jsonl").exists()
    entry = Ledger(run.world.settings.ledger()).audit_entries(limit=1)[0]
    assert entry.action == "data.restore" and entry.details["version"] == "v1"
    code, _, err = run("versions", "restore", "v1", str(tmp_path / "폴더"))
    assert code == 2 and "not an empty folder" in err


def test_a_full_disk_is_told_and_no_trace_back(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.data import folder

    monkeypatch.setattr(folder, "_more", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    code, _, err = run("versions", "restore", "v1", str(tmp_path / "x"))
    assert code == 2 and "No space left" in err and not (tmp_path / "x").exists()


def test_rolling_back(run: Any) -> None:
    code, out, _ = run("versions", "rollback", "v1", "--reason", "틀림", "--author", "운영자", "--run-id", "x")
    assert code == 0 and "v3 has the content of v1: 200 items" in out and "leave out: 2" in out
    assert as_json(run, "versions", "rollback", "v1", "--reason", "틀림", "--run-id", "x")["new"] is False
    assert "rolled back to v1" in run("versions", "list")[1]
    assert "withdrawn with v3" in run("rounds", "list")[1]
    assert "content  that of v1" in run("versions", "show", "v3")[1]


def test_bundles(run: Any) -> None:
    made = as_json(
        run, "bundle", "--version", "v2", "--class", "1", "--class", "3", "--n", "20", "--seed", "7", "--notes", "시험"
    )
    assert (made["version"], made["count"]) == ("v3", 20)
    code, out, _ = run("bundle", "--round", "1", "--from", "2026-01-05T00:00:00Z", "--to", "2026-01-05T00:10:00Z")
    assert code == 0 and "v4 of" in out and "holds 40 items, 40 with a label: labelled" in out
    assert "of 200" in run("versions", "show", "v4")[1]
    for arguments, said in (
        (["--version", "v2", "--class", "고양이"], "고양이: no such class"),
        (["--version", "v2", "--n", "999"], "a sample of 999 is wanted"),
        ([], "it has no parts"),
    ):
        code, _, err = run("bundle", *arguments)
        assert code == 2 and said in err


def test_states(run: Any) -> None:
    code, out, _ = run("states", "history")
    assert code == 0 and [line.split()[1] for line in out.splitlines()[1:]].count("split") == 1
    assert [one["state"] for one in as_json(run, "states", "history", "--state", "raw", "--last", "1")] == ["raw"]


def test_dictionaries(run: Any, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("개\n고양이\n", encoding="utf-8")
    code, out, _ = run("dictionary", "add", "words", str(tmp_path / "words.txt"), "--notes", "첫")
    assert code == 0 and "dict-words-v1 of" in out and "2 words in round 3" in out and "added 2, removed 0" in out
    assert "is there already" in run("dictionary", "add", "words", str(tmp_path / "words.txt"))[1]
    (tmp_path / "more.jsonl").write_text('{"word": "소", "tag": "NNG"}\n', encoding="utf-8")
    assert as_json(run, "dictionary", "add", "words", str(tmp_path / "more.jsonl"), "--extend")["count"] == 3
    assert run("dictionary", "show", "words")[1].splitlines() == ["개", "고양이", "소\tNNG"]
    assert [one["count"] for one in as_json(run, "dictionary", "list")] == [2, 3] and "words" in run("dictionary", "list")[1]
    code, out, _ = run("dictionary", "compare", "words", "v1")
    assert code == 1 and "added 1, removed 0, changed 0" in out and "소" in out
    assert run("dictionary", "tokenise", "words", "소가 개를")[1] == "소/NNG 가 개/- 를\n"
    assert as_json(run, "dictionary", "tokenise", "words", "소")[0]["tag"] == "NNG"
    assert run("dictionary", "restore", "words", "v1", str(tmp_path / "folder"))[0] == 0
    code, _, err = run("dictionary", "add", "words")
    assert code == 2 and "there is no dictionary 'words'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["versions", "show", "v9"], "no version 'v9'. Versions there: v1, v2"),
        (["versions", "compare", "v1", "main"], "no version 'main'"),
        (["versions", "rollback", "v2", "--reason", "x"], "v2 is the newest version"),
        (["usage", "version", "v1"], "MLflow at"),
        (["dictionary", "show", "none"], "no dictionary 'none'"),
    ],
)
def test_what_cannot_be_done(run: Any, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.clients import mlflow

    run.world.settings = run.world.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(mlflow, "_wait", lambda url, _, real=mlflow._wait: real(url, 0))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and said in err


def test_usage(run: Any, mlflow_server: Any) -> None:
    from tests.include.data.test_usage import run as trained

    world = run.world
    world.settings = world.settings.model_copy(update={"mlflow_url": mlflow_server.url})
    split = world.split({**as_json(run, "versions", "show", "v1"), "new": False})
    made, model = trained(world, split)
    assert made in run("usage", "version", "v1")[1] and as_json(run, "usage", "version", "v2") == []
    code, out, _ = run("usage", "model", str(model))
    assert code == 0 and "source sql:scans" in out and f"splits restore {split['split_digest'][7:19]}" in out
    assert as_json(run, "usage", "model", "latest")["model_version"] == model
