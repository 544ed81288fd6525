"""Environments are kept by version, chosen by project, job and run, and handled from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.ledger import LedgerError, LedgerRefusal
from include.management import (
    LOCAL,
    Environment,
    EnvironmentRefused,
    choose,
    delete_environment,
    environment,
    environment_history,
    environments,
    put_environment,
    read_environment,
)
from include.management.__main__ import main
from include.projects import load_project
from include.projects.environments import Environments
from include.settings import Settings


@pytest.fixture
def settings(ledger, tmp_path, monkeypatch):
    monkeypatch.setenv("DEVMLOPS_LEDGER_URL", ledger.url)
    return Settings(home=tmp_path)


def box(**given):
    return Environment(**{"name": "box", "runtime": "docker", "image": "devmlops:1", **given})


def test_a_change_is_a_version_and_the_same_again_is_none(settings, ledger):
    assert put_environment(settings, box(), "me").version == 1
    assert put_environment(settings, box(), "you").version == 1
    assert put_environment(settings, box(cpu=2), "you").version == 2
    assert environment(settings, "box").cpu == 2
    assert delete_environment(settings, "box", "me").version == 3
    with pytest.raises(EnvironmentRefused, match=r"there is no environment 'box'; there are: local\."):
        environment(settings, "box")
    with pytest.raises(LedgerRefusal, match="there is no environment 'box'"):
        delete_environment(settings, "box", "me")
    assert put_environment(settings, box(), "me").version == 4
    found = environment_history(settings, "box")
    assert [(one.version, one.by, one.definition and one.definition.get("cpu")) for one in found] == [
        (1, "me", None),
        (2, "you", 2),
        (3, "me", None),
        (4, "me", None),
    ]
    assert found[2].definition is None
    entries = ledger.audit_entries("environment box")
    assert [one.action for one in entries] == ["environment.put", "environment.put", "environment.delete", "environment.put"]
    assert ledger.verify_audit().ok


def test_local_is_always_there_and_cannot_be_changed(tmp_path):
    nowhere = Settings(home=tmp_path)
    assert environment(nowhere, "local") == LOCAL
    with pytest.raises(LedgerError, match="not up to date"):
        environment(nowhere, "box")
    for change in (lambda: put_environment(nowhere, LOCAL, "me"), lambda: delete_environment(nowhere, "local", "me")):
        with pytest.raises(EnvironmentRefused, match="local is built in"):
            change()


def test_many_at_once_are_versions_one_after_another(settings):
    import threading

    threads = [threading.Thread(target=put_environment, args=(settings, box(cpu=n), "me")) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.version for one in environment_history(settings, "box")] == list(range(1, 9))
    assert [one.name for one, _ in environments(settings)] == ["local", "box"]


def project(given):
    return load_project("digits").model_copy(update={"environments": Environments.model_validate(given)})


def test_the_project_says_where_each_job_runs_and_what_a_run_may_choose(settings):
    put_environment(settings, box(), "me")
    assert choose(settings, load_project("digits"), "train") == LOCAL
    assert choose(settings, project("box"), "train").name == "box"
    mixed = project({"default": "local", "train": "box"})
    assert (choose(settings, mixed, "train").name, choose(settings, mixed, "tune").name) == ("box", "local")
    assert choose(settings, mixed, "train", "local").name == "local"
    with pytest.raises(EnvironmentRefused, match=r"digits does not allow the environment 'gpu; rm', but local, box: choose one"):
        choose(settings, mixed, "train", "gpu; rm")
    assert choose(settings, project({"allowed": ["box"]}), "tune", "box").name == "box"
    with pytest.raises(EnvironmentRefused, match="does not allow the environment 'local', but box"):
        choose(settings, project("box"), "train", "local")


def test_the_command_line(settings, tmp_path, capsys):
    file = tmp_path / "환경.yaml"
    file.write_text(
        "name: gpu\nruntime: kubernetes\nimage: devmlops:1\ngpu: 2\nmemory: 16Gi\ndescription: 큰 것\n", encoding="utf-8"
    )
    assert main(["environments", "put", str(file), "--by", "지은"]) == 0
    assert "environment gpu is at version 1, by 지은" in capsys.readouterr().out
    assert main(["environments", "list"]) == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["local", "0", "local"],
        ["gpu", "1", "kubernetes"],
    ]
    assert main(["environments", "show", "gpu"]) == 0
    shown = capsys.readouterr().out
    assert "description: 큰 것" in shown and "# version 1 " in shown
    assert main(["environments", "show", "local"]) == 0
    assert "runtime: local" in capsys.readouterr().out
    assert main(["environments", "delete", "gpu"]) == 0
    assert main(["environments", "show", "gpu"]) == 0
    assert "deleted" in capsys.readouterr().out
    assert main(["environments", "show", "moon"]) == 2
    assert "there never was an environment 'moon'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "name: box\nruntime: docker\nimage: a b\nmemory: 12 elephants\n",
            r"image: 'a b' is no image name.*; memory: '12 elephants' is no size",
        ),
        ("- 1\n", "must be a mapping"),
        ("name: [", "not readable as YAML"),
        (json.dumps({"name": "box", "runtime": "local", "secrets": {"A": "hunter2"}}), "A must name where the secret is"),
    ],
)
def test_a_wrong_file_is_named_with_all_that_is_wrong(tmp_path, text, says, settings, capsys):
    file = tmp_path / "box.yaml"
    file.write_text(text)
    with pytest.raises(EnvironmentRefused, match=says) as refused:
        read_environment(file)
    assert str(file) in str(refused.value) and "hunter2" not in str(refused.value)
    assert main(["environments", "put", str(file)]) == 2
    with pytest.raises(EnvironmentRefused, match="cannot be read: No such file"):
        read_environment(tmp_path / "none.yaml")


def test_limits_of_project_yaml_narrow_what_the_environment_gives(settings):
    put_environment(settings, Environment(name="small", runtime="local", timeout_minutes=30, memory="2Gi"), "me")
    wanted = {"default": {"timeout_minutes": 120}, "tune": {"environment": "small", "timeout_minutes": 60, "memory": "1Gi"}}
    places = Environments.model_validate({**wanted, "train": {"environment": "small", "timeout_minutes": 5, "memory": "4Gi"}})
    project = load_project("digits").model_copy(update={"environments": places})

    def limits(job: str, wish: str = "") -> tuple[Any, ...]:
        chosen = choose(settings, project, job, wish)
        return chosen.name, chosen.timeout_s, chosen.memory

    assert limits("tune") == ("small", 1800, "1Gi") and limits("train") == ("small", 300, "2Gi")
    assert limits("evaluate") == ("local", 7200, None) and limits("train", "local") == ("local", 300, "4Gi")
    assert environment(settings, "local").timeout_minutes is None
