"""Who decided about a model and what it was made from, as its card tells it."""

import json
from types import SimpleNamespace

import pytest

from include.settings import Settings
from include.training.card import _html, _markdown
from include.training.card_origin import Link, confirmation, history, lineage, moment
from include.training.card_parts import Part

BY_RULE = {
    "confirmed": "true",
    "confirmed_by": "지은",
    "confirmed_at": "2026-03-04T05:06:07.890+00:00",
    "confirmed_why": "passed the gate",
    "confirmed_how": "rule",
    "confirmed_instead_of": "none",
    "confirmed_overruled": "none",
}


def test_a_confirmation_by_rule():
    assert confirmation(BY_RULE) == [
        ("confirmed", "yes"),
        ("by", "지은"),
        ("at", "2026-03-04 05:06:07 UTC"),
        ("why", "passed the gate"),
        ("how", "by rule: the gate of project.yaml alone"),
        ("gate", "passed"),
        ("confirmed before it", "none"),
    ]


def test_a_person_who_overruled_the_gate():
    said = {"confirmed_how": "person", "confirmed_overruled": "accuracy, rmse", "confirmed_instead_of": "3"}
    rows = dict(confirmation({**BY_RULE, **said, "confirmed_why": "급하다"}))
    assert rows["how"].startswith("by a person") and rows["gate"] == "overruled, for it failed: accuracy, rmse"
    assert (rows["confirmed before it"], rows["why"]) == ("v3", "급하다")


def test_a_refusal_and_no_decision():
    refused = dict(confirmation({**BY_RULE, "confirmed": "false", "confirmed_why": "failed the gate"}))
    assert refused["confirmed"] == "no: it was refused" and (refused["by"], refused["why"]) == ("지은", "failed the gate")
    assert "gate" not in refused
    assert confirmation({"confirmed": "false"}) == [("confirmed", "no: nobody has decided about it")]


def test_states_are_told_with_the_one_before():
    changes = [
        {"at": "2026-03-04T05:06:07.890+00:00", "state": "training", "by": "민지", "why": "registered"},
        {"at": "2026-03-04T14:06:07+09:00", "state": "dev_deployed", "by": "개발자", "why": "시험", "was": "training"},
    ]
    assert history({"state_history": json.dumps(changes)}) == [
        ("2026-03-04 05:06:07 UTC", "training by 민지: registered"),
        ("2026-03-04 05:06:07 UTC", "training → dev_deployed by 개발자: 시험"),
    ]
    assert history({}) == [] and moment("2026-03-04T05:06:07Z") == "2026-03-04 05:06:07 UTC"


class Client:
    """An MLflow that knows two runs."""

    def __init__(self, *runs):
        self.runs = {one.info.run_id: one for one in runs}

    def get_run(self, run_id):
        from mlflow.exceptions import RestException

        if run_id not in self.runs:
            raise RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"})
        return self.runs[run_id]


def run_of(run_id, tags, **params):
    return SimpleNamespace(info=SimpleNamespace(run_id=run_id, experiment_id="7"), data=SimpleNamespace(tags=tags, params=params))


@pytest.fixture
def made(digits, monkeypatch):
    """Return a function that gives the lineage of a run with some tags and params, of what git said."""
    settings = Settings(mlflow_url="http://mlflow:5000", airflow_url="http://airflow:8080")
    about = {
        "name": "digits",
        "version": "3",
        "code_digest": "sha256:a",
        "project_code": "sha256:b",
        "git_commit": "c0ffee",
        "data": {"repository": "digits-dev", "zone": "dev", "version": "v2", "commit": "abc", "split_digest": "sha256:d"},
    }
    about["data"]["split_path"] = "splits/ab.json"

    def lines(tags, code, **params):
        def read(client, run_id, path):
            if code is None:
                raise FileNotFoundError(path)
            return json.dumps(code).encode()

        monkeypatch.setattr("include.training.card_origin.read_file", read)
        own = run_of("own", tags, **params)
        client = Client(own, run_of("tuning1", {"devmlops.kind": "tuning"}), run_of("first", {"devmlops.kind": "training"}))
        return dict(lineage(settings, client, digits, about, own))

    return lines


def test_everything_it_was_made_from_leads_to_its_record(made):
    tags = {"mlflow.parentRunId": "tuning1", "devmlops.key": "digits.model_development/manual__1"}
    rows = made(tags, {"git_commit": "c0ffee", "dirty": True}, init_from="v2", init_from_run="first")
    assert {name: str(value) for name, value in rows.items()} == {
        "model version": "digits v3",
        "training run": "own",
        "pipeline run": "digits.model_development/manual__1",
        "data version": "digits-dev v2",
        "data commit": "abc",
        "split": "sha256:d",
        "tuning or workflow (parent run)": "tuning tuning1",
        "began with": "the weights of v2",
        "origin run": "training first",
        "code digest (project and training)": "sha256:a",
        "code digest (project)": "sha256:b",
        "git commit": "c0ffee, with changes that are not in it",
    }
    urls = {name: value.url for name, value in rows.items() if isinstance(value, Link)}
    assert urls["origin run"] == "http://mlflow:5000/#/experiments/7/runs/first?workflowType=machine_learning"
    assert urls["pipeline run"] == "http://airflow:8080/dags/digits.model_development/runs/manual__1"
    assert urls["data version"] == "http://airflow:8080/devmlops/records/dev/digits/v2/versions/v2.json"
    assert urls["split"] == "http://airflow:8080/devmlops/records/dev/digits/abc/splits/ab.json"
    assert urls["model version"].endswith("/models/digits/versions/3") and all(urls.values())


def test_what_is_not_there_is_told(made):
    tags = {"mlflow.parentRunId": "gone", "devmlops.reproduces": "first", "devmlops.key": "by hand"}
    rows = made(tags, {"git_commit": "c0ffee", "dirty": False}, init_from="random")
    assert rows["tuning or workflow (parent run)"] == Link("gone, which MLflow has no more", None)
    assert str(rows["reproduces"]) == "training first" and rows["began with"] == "random" and "origin run" not in rows
    assert rows["pipeline run"] == Link("by hand", None) and rows["git commit"] == "c0ffee, with nothing changed"
    bare = made({}, None)
    assert bare["pipeline run"] == "none: it was trained by hand" and bare["git commit"] == "c0ffee, state unknown"
    assert bare["tuning or workflow (parent run)"] == "none" and bare["began with"] == "unknown"


def test_a_link_is_one_on_the_page_and_in_markdown(digits):
    part = Part("Lineage", [("run", Link("a|<b>", "http://mlflow/run")), ("gone", Link("c", None))])
    html, markdown = str(_html(part)), _markdown("card", digits, [part])
    assert '<a href="http://mlflow/run">a|&lt;b&gt;</a>' in html and "<td>c</td>" in html
    assert "| run | [a\\|&lt;b>](http://mlflow/run) |" in markdown and "| gone | c |" in markdown
