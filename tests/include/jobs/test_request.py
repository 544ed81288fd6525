"""What every runtime is told of a job, and what none may see."""

from __future__ import annotations

import re

import pytest

from include.jobs import LocalJob, SpecError, job
from include.jobs.request import Request, label_value, request
from include.jobs.spec import LONGEST_SPEC, read_spec, result_line, result_of
from include.management import LOCAL, Environment
from include.projects import load_project
from include.settings import Settings

BOX = Environment(name="box", runtime="docker", image="devmlops:1")


def asked(tmp_path, environment=BOX, name="train", args=None, key="dag/run/task", **given) -> Request:
    settings = Settings(home=tmp_path, **given.pop("settings", {}))
    return request(environment, name, load_project("digits"), args or {}, settings, key, **given)


def test_all_tries_of_a_task_have_one_name_and_others_have_another(tmp_path):
    first = asked(tmp_path)
    assert first.id == asked(tmp_path, args={"a": 1}).id and re.fullmatch(r"digits-train-[0-9a-f]{12}", first.id)
    assert first.id != asked(tmp_path, key="dag/run2/task").id
    assert asked(tmp_path, key=None).id != asked(tmp_path, key=None).id
    hostile = asked(tmp_path, key="../../$(reboot)/한글; rm -rf")
    assert re.fullmatch(r"[a-z0-9-]{1,63}", hostile.id)
    assert first.digest != asked(tmp_path, args={"a": 1}).digest
    assert first.digest != asked(tmp_path, environment=BOX.model_copy(update={"cpu": 2})).digest


@pytest.mark.parametrize("name", ["train; rm -rf /", "../train", "훈련", "", "train\n"])
def test_a_hostile_name_of_a_job_starts_nothing(tmp_path, name):
    with pytest.raises(SpecError, match="no job"):
        asked(tmp_path, name=name)


def test_the_spec_comes_back_from_its_uri_and_one_that_is_too_long_is_refused(tmp_path):
    spec = read_spec(asked(tmp_path, args={"이름": "값", "n": [1, 2.5, None]}).uri())
    assert (spec.project, spec.args) == ("digits", {"이름": "값", "n": [1, 2.5, None]})
    with pytest.raises(SpecError, match=rf"more than the {LONGEST_SPEC} of a command: give a reference"):
        asked(tmp_path, args={"rows": "x" * 80_000}).uri()
    with pytest.raises(SpecError, match="no JSON"):
        asked(tmp_path, args={"n": float("nan")}).uri()
    with pytest.raises(SpecError, match="no JSON"):
        asked(tmp_path, args={"n": object()}).uri()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("data:application/json,{}", "must hold base64"),
        ("data:application/json;base64,%%%", "bad base64"),
        ("data:application/json;base64,e30=", "must be"),
        ("data:application/json;base64,W10=", "must be"),
        ("s3://bucket/spec.json", "s3:// is not supported"),
    ],
)
def test_a_wrong_uri_is_named(uri, says):
    with pytest.raises(SpecError, match=says):
        read_spec(uri)


def test_a_result_is_found_by_the_jobs_own_id_alone():
    line = result_line("digits-train-1", {"값": "가", "n": 1})
    assert line.isascii() and result_of(line, "digits-train-1") == line.split(" ", 2)[2]
    assert result_of(line, "digits-train-2") is None and result_of("devmlops-result", "digits-train-1") is None
    with pytest.raises(ValueError, match="return references"):
        result_line("a", {"text": "x" * 300_000})


def test_credentials_are_apart_from_what_everybody_may_see(tmp_path):
    given = {"slack_token": "xoxb", "ledger_url": "postgresql://me:pass@db/ledger", "data_dev_access_key": "key"}
    made = asked(tmp_path, settings=given, environment=BOX.model_copy(update={"env": {"DEVMLOPS_MLFLOW_URL": "http://mlflow"}}))
    plain, secret = made.variables(), made.secret_variables()
    assert secret == {"DEVMLOPS_SLACK_TOKEN": "xoxb", "DEVMLOPS_LEDGER_URL": "postgresql://me:pass@db/ledger"}
    assert plain["DEVMLOPS_DATA_DEV_ACCESS_KEY"] == "key" and plain["DEVMLOPS_MLFLOW_URL"] == "http://mlflow"
    assert not set(plain) & set(secret) and str(tmp_path) not in str(plain)
    assert plain["DEVMLOPS_JOB_RUNTIME"] == "docker"
    here = asked(tmp_path, settings={"ledger_url": f"sqlite:///{tmp_path}/l.db"})
    assert "DEVMLOPS_LEDGER_URL" not in {**here.variables(), **here.secret_variables()}, "a file of this machine"


def test_secrets_of_the_environment_must_be_there(tmp_path):
    environment = Environment(name="e", runtime="local", secrets={"HUB": "connection:hub"})
    with pytest.raises(SpecError, match=r"names secrets that are not there: HUB \(connection:hub\)"):
        asked(tmp_path, environment=environment)
    made = asked(tmp_path, environment=environment, secrets={"HUB": "s3cret"})
    assert made.secret_variables() == {"HUB": "s3cret"} and "s3cret" not in repr(made)


def test_a_job_of_the_ledger_does_not_leave_the_machine_where_that_is_a_file(tmp_path):
    with pytest.raises(SpecError, match="set DEVMLOPS_LEDGER_URL to a server's database"):
        asked(tmp_path, name="drift_report")
    assert asked(tmp_path, name="drift_report", environment=LOCAL).name == "drift_report"
    server, seen = {"ledger_url": "postgresql://db/l"}, {"DEVMLOPS_MODEL_REPOSITORY": "/references/models"}
    assert asked(tmp_path, BOX.model_copy(update={"env": seen}), "drift_report", settings=server).name == "drift_report"


def test_a_job_of_packages_goes_where_these_are_seen(tmp_path):
    with pytest.raises(SpecError, match=r"job parity works with the model server's folder.*mount it by references of the env"):
        asked(tmp_path, name="parity")
    seen = BOX.model_copy(update={"env": {"DEVMLOPS_MODEL_REPOSITORY": "/references/models"}})
    assert asked(tmp_path, name="parity", environment=seen).variables()["DEVMLOPS_MODEL_REPOSITORY"] == "/references/models"
    assert asked(tmp_path, name="optimise").name == "optimise" and asked(tmp_path, name="parity", environment=LOCAL)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("digits", "digits"),
        ("a b", "a-b-"),
        ("손글씨 숫자", ""),
        ("x" * 80, "x" * 52 + "-"),
        ("-_.", ""),
        ("<script>", "script-"),
    ],
)
def test_labels(text, label):
    made = label_value(text)
    assert made.startswith(label) and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", made)
    assert label_value("손글씨") != label_value("숫자")


def test_addresses_that_mean_another_machine_elsewhere_are_known(tmp_path):
    pods = Environment(name="pods", runtime="kubernetes", image="d:1", env={"DEVMLOPS_MLFLOW_URL": "http://mlflow:5000"})
    found = asked(tmp_path, environment=pods, settings={"data_dev_url": "https://lakefs.example.com"}).unreachable()
    assert any(one.startswith("DEVMLOPS_DATA_OPS_URL=http://127.0.0.1") for one in found)
    assert not any("MLFLOW" in one or "DATA_DEV" in one for one in found)
    assert asked(tmp_path).unreachable() == [], "host network"
    assert asked(tmp_path, environment=BOX.model_copy(update={"network": "bridge"})).unreachable()


def test_a_pod_is_started_by_airflow_alone(tmp_path):
    pods = Environment(name="pods", runtime="kubernetes", image="d:1")
    with pytest.raises(SpecError, match="is started by Airflow alone"):
        job(pods, "train", load_project("digits"), {}, Settings(home=tmp_path))
    assert isinstance(job(LOCAL, "train", load_project("digits"), {}, Settings(home=tmp_path)), LocalJob)


@pytest.mark.parametrize(
    ("runtime", "gpu", "told", "has"),
    [
        ("local", None, "", None),  # nothing is said, so the job takes what the machine has
        ("local", 0, "0", 0),
        ("local", 2, "2", 2),
        ("docker", None, "0", 0),
        ("kubernetes", 1, "1", 1),
        ("ray", 0.5, "0.5", 0.5),
        ("ray", None, "0", 0),
    ],
)
def test_a_job_is_told_where_it_runs_and_how_many_gpus_it_has(tmp_path, monkeypatch, runtime, gpu, told, has):
    image = {"image": "ml:1"} if runtime in ("docker", "kubernetes") else {}
    kept = Environment(name="box", runtime=runtime, gpu=gpu, **image).model_dump(exclude_defaults=True)
    found = asked(tmp_path, environment=Environment(**kept)).extent()
    assert found["DEVMLOPS_JOB_GPUS"] == told
    for name in ("DEVMLOPS_JOB_ENVIRONMENT", "DEVMLOPS_JOB_RUNTIME", "DEVMLOPS_JOB_GPUS"):
        monkeypatch.setenv(name, found[name])
    job = Settings()
    assert (job.job_environment, job.job_runtime, job.job_gpus) == ("box", runtime, has)
    assert Settings(**{"job_gpus": job.environment()["DEVMLOPS_JOB_GPUS"]}).job_gpus == has, "also for what the job starts"
