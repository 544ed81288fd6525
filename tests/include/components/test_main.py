from __future__ import annotations

import json

import pytest

from include.components.__main__ import main


def test_components_are_listed_searched_and_shown(capsys):
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert "soft_vote@1" in told and "(models: list of Model) -> (model: Model)" in told and "not registered" not in told
    assert main(["list", "VOTE"]) == 0
    found = [line.split()[0] for line in capsys.readouterr().out.splitlines()[::2]]
    assert found == ["best_vote@1", "soft_vote@1"]
    assert main(["list", "다시는", "--project", "wine_cultivars"]) == 0 and capsys.readouterr().out == ""
    assert main(["list", "measured again", "--project", "wine_cultivars"]) == 0
    assert capsys.readouterr().out.startswith("steps:measure_again")
    assert main(["show", "forest"]) == 0
    told = capsys.readouterr().out
    assert (
        "forest@1, train:" in told and "trees: integer, >= 1, <= 10000, default 100" in told and "depth: integer or null" in told
    )
    assert main(["show", "steps:measure_again", "--project", "wine_cultivars", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"]["times"]["maximum"] == 20


def test_a_workflow_is_checked(capsys):
    assert main(["check", "wine_cultivars"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("wine_cultivars: 7 steps, 20 connections\n") and "  models <- layers.model (Model)" in told
    assert main(["register"]) == 0 and capsys.readouterr().out == "nothing is new\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["show", "nothing"], "names no component"),
        (["show", "steps:x"], "is local to a project: say which"),
        (["check", "digits"], "digits has no section workflow"),
        (["check", "없는"], "no project '없는'"),
    ],
)
def test_what_cannot_be_done_is_told(command, said, capsys):
    assert main(command) == 2
    assert said in capsys.readouterr().err
