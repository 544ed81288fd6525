import json
import os
import subprocess
import sys

import pytest

from include.jobs.__main__ import main
from include.jobs.registry import JOBS
from include.jobs.spec import Spec, local_path, read_spec, result_of, spec_uri, write_json
from include.settings import ROOT


def test_help_lists_every_job():
    done = subprocess.run([sys.executable, "-m", "include.jobs", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout and job.what in done.stdout for name, job in JOBS.items())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "must be"),
        ('{"args": {}}', "must be"),
        ('{"project": "digits", "args": []}', "must be"),
        ('{"project": "digits", "argz": {}}', "unknown keys: argz"),
        ('{"project": "없음"}', "no project '없음'"),
        ('{"project": "../digits"}', "no project"),
        ('{"project": "digits", "args": {"splits": 1}}', "args of job 'train': missing a required argument: 'split'"),
        (b"\xff\xfe", "is not JSON"),
    ],
)
def test_a_bad_spec_is_one_clear_line(tmp_path, capfd, text, says):
    spec = tmp_path / "spec.json"
    spec.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["train", "--spec", str(spec)]) == 2
    printed = capfd.readouterr().err.strip()
    assert says in printed and printed.startswith("job train: ") and "\n" not in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dance", "--spec", "x"], "no job 'dance'"),
        (["train", "--spec", "/no/where.json"], "cannot read the spec /no/where.json: No such file"),
        (["train", "--spec", "s3://bucket/spec.json"], "s3:// is not supported"),
    ],
)
def test_what_cannot_be_found_is_named(capfd, arguments, says):
    assert main(arguments) == 2
    assert says in capfd.readouterr().err


def test_a_spec_is_read_from_a_file_uri(tmp_path):
    file = tmp_path / "한글 spec.json"
    write_json(file, {"project": "digits", "args": {"a": "나"}})
    assert read_spec(file.as_uri()).args == {"a": "나"}
    assert local_path(file.as_uri()) == local_path(str(file)) == file
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_every_job_can_be_imported_and_takes_settings_and_project(settings):
    import inspect

    for name, job in JOBS.items():
        if job.function.startswith("include."):
            parameters = list(inspect.signature(job.load()).parameters)
            assert parameters[:2] == ["settings", "project"], name


def test_the_result_goes_to_its_file(settings, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    write_json(tmp_path / "spec.json", {"project": "digits", "args": {"to": 2}})
    assert main(["count", "--spec", str(tmp_path / "spec.json"), "--result", (tmp_path / "result.json").as_uri()]) == 0
    assert json.loads((tmp_path / "result.json").read_text())["to"] == 2
    assert main(["refuse", "--spec", str(tmp_path / "spec.json")]) == 2  # its args do not fit
    write_json(tmp_path / "spec.json", {"project": "digits"})
    assert main(["refuse", "--spec", str(tmp_path / "spec.json")]) == 3
    assert main(["fail", "--spec", str(tmp_path / "spec.json")]) == 1
    assert capfd.readouterr().err.strip().splitlines()[-1] == "job fail failed: RuntimeError: the disk is full"


def test_the_result_goes_to_the_log_where_no_file_is_shared(settings, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    spec = spec_uri(Spec("digits", {"to": 1}))
    assert main(["count", "--spec", spec, "--result", "log:digits-count-1"]) == 0
    *_, last = capfd.readouterr().out.splitlines()
    assert json.loads(result_of(last, "digits-count-1") or "")["to"] == 1


def test_settings_come_from_a_file_that_is_removed(settings, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delenv("DEVMLOPS_SOURCE_URL", raising=False)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"DEVMLOPS_SOURCE_URL": "sqlite:///from-the-file"}))
    arguments = ["tell_environment", "--spec", spec_uri(Spec("digits", {})), "--result", "log:a", "--settings", str(file)]
    try:
        assert main(arguments) == 0
    finally:
        os.environ.pop("DEVMLOPS_SOURCE_URL", None)
    assert json.loads(result_of(capfd.readouterr().out.splitlines()[-1], "a") or "")["source"] == "sqlite:///from-the-file"
    assert not file.exists()
    assert main(arguments) == 2 and "cannot take the settings of" in capfd.readouterr().err
