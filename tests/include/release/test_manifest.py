"""What a release is made of, read from real servers; and how a change is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.clients.lakefs import DataRepository
from include.clients.mlflow import log_file, mlflow_client
from include.ledger import Ledger, LedgerRefusal, digest
from include.projects import Project, load_project
from include.release.errors import ReleaseError
from include.release.manifest import NEEDED, build_manifest, differences, package_files
from include.settings import Settings


def test_differences_name_the_place() -> None:
    sealed = {"package": {"1/model.onnx": "aa", "config.pbtxt": "bb"}, "model": {"version": "1"}, "authors": ["kim"]}
    found = {"package": {"1/model.onnx": "ab", "새.py": "cc"}, "model": {"version": "1"}, "authors": ["kim"]}
    assert differences(sealed, found) == [
        "package/1/model.onnx changed: sealed as aa, now ab",
        "package/config.pbtxt is gone",
        "package/새.py was added",
    ]
    assert differences(sealed, sealed) == []
    long = differences({"a": "x" * 64}, {"a": "y" * 64})
    assert long == [f"a changed: sealed as {'x' * 12}..., now {'y' * 12}..."]


def test_no_package_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"there is no package .*digits-r0001: run the package task"):
        package_files(Settings(model_repository=tmp_path), "digits-r0001")


@dataclass
class Made:
    """One release with all its pieces on real servers."""

    settings: Settings
    project: Project
    ledger: Ledger
    client: Any
    release_id: str
    run_id: str
    release_run_id: str
    version: str

    def manifest(self) -> dict[str, Any]:
        return build_manifest(self.settings, self.project, self.release_id)

    def report(self, name: str, content: dict[str, Any]) -> None:
        log_file(self.client, self.release_run_id, f"reports/{name}.json", json.dumps(content).encode())


DATA = ("data_repository", "data_zone", "data_version", "data_commit", "split_path", "split_digest")
VOUCHED = {"confirmed": "true", **{name: f"its {name}" for name in (*DATA, "code_digest", "project_code")}}


@pytest.fixture
def made(mlflow_server: Any, data_server: Any, ledger: Ledger, tmp_path: Path) -> Made:
    settings = Settings(
        mlflow_url=mlflow_server.url,
        ledger_url=ledger.url,
        model_repository=tmp_path / "models",
        data_dev_url=data_server.url,
        data_dev_access_key=data_server.dev[0],
        data_dev_secret_key=data_server.dev[1],
    )
    project = load_project("digits")
    name = f"manifest_{tmp_path.name}"  # a repository and a registered model of this test alone
    repository = DataRepository(settings, f"{name.replace('_', '-')[:50]}-dev".lower(), "dev")
    repository.ensure()
    repository.branch("run")
    repository.put("run", "splits/aa.json", b'{"train": []}')
    commit = repository.commit("run", "split", {})
    repository.tag("v1", commit)

    client = mlflow_client(settings)
    experiment = client.create_experiment(name)
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    log_file(client, runs[0], "model/state_dict.pt", b"weights")
    log_file(client, runs[0], "evaluation/evaluation.json", b"{}")
    log_file(client, runs[0], "reference_sketch.json", b"{}")
    client.create_registered_model(name)
    registered = client.create_model_version(
        name, f"runs:/{runs[0]}/model", run_id=runs[0], tags={**VOUCHED, "state": "training"}
    )

    data = {
        "repository": repository.name,
        "version": "v1",
        "commit": commit,
        "split_path": "splits/aa.json",
        "split_digest": "aa",
    }
    model = {"name": name, "version": str(registered.version), "run_id": runs[0], "release_run_id": runs[1], "data": data}
    opened = ledger.open_release("digits", "run", ["developer"], model)
    package = settings.model_repository / opened.id / "1"
    package.mkdir(parents=True)
    (package / "model.onnx").write_bytes(b"onnx")
    found = Made(settings, project, ledger, client, opened.id, runs[0], runs[1], str(registered.version))
    for report in NEEDED:
        found.report(report, {"ok": True, "problems": []})
    return found


@pytest.mark.integration
def test_everything_is_in_it_and_it_comes_out_the_same_again(made: Made) -> None:
    manifest = made.manifest()
    assert digest(manifest) == digest(made.manifest())
    assert list(manifest["package"]) == ["1/model.onnx"]
    assert set(manifest["model"]["files"]) == {"model/state_dict.pt", "evaluation/evaluation.json", "reference_sketch.json"}
    assert set(manifest["reports"]) == {f"{name}.json" for name in NEEDED}
    assert manifest["model"]["tags"] == VOUCHED  # and not its state, which changes with the deployment
    assert manifest["data"]["version"] == "v1" and len(manifest["data"]["split_sha256"]) == 64
    assert made.ledger.seal_release(made.release_id, manifest).digest == digest(manifest)


def other_weights(made: Made) -> None:
    log_file(made.client, made.run_id, "model/state_dict.pt", b"Weights")


def other_report(made: Made) -> None:
    made.report("parity", {"ok": True, "problems": [], "max_abs_diff": 0})


def more_evaluation(made: Made) -> None:
    log_file(made.client, made.run_id, "evaluation/more.json", b"{}")


def other_byte(made: Made) -> None:
    (made.settings.model_repository / made.release_id / "1" / "model.onnx").write_bytes(b"onnX")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_weights, "model/files/model/state_dict.pt changed"),
        (other_report, "reports/parity.json changed"),
        (more_evaluation, "model/files/evaluation/more.json was added"),
        (other_byte, "package/1/model.onnx changed"),
    ],
)
def test_what_changed_is_named(made: Made, change: Callable[[Made], None], says: str) -> None:
    sealed = made.manifest()
    change(made)
    lines = differences(sealed, made.manifest())
    assert len(lines) == 1 and lines[0].startswith(says)


@pytest.mark.integration
def test_a_model_version_of_another_run_is_seen_but_its_state_is_not(made: Made) -> None:
    sealed = made.manifest()
    name = made.ledger.release(made.release_id).model["name"]
    made.client.set_model_version_tag(name, made.version, "state", "production")
    assert differences(sealed, made.manifest()) == []
    made.client.set_model_version_tag(name, made.version, "confirmed", "false")
    assert differences(sealed, made.manifest()) == ["model/tags/confirmed changed: sealed as true, now false"]
    made.client.delete_model_version(name, made.version)
    with pytest.raises(RuntimeError, match="read version 1 of model"):
        made.manifest()


@pytest.mark.integration
def test_a_task_that_was_forced_leaves_no_release(made: Made) -> None:
    made.report("staging", {"ok": False, "problems": ["accuracy 0.3 of 200 rows, wanted at least 0.95"]})
    with pytest.raises(ReleaseError, match=r"the report staging says no: accuracy 0\.3"):
        made.manifest()
    empty = made.client.create_run(made.client.get_run(made.run_id).info.experiment_id).info.run_id
    made.ledger.update_release_model(made.release_id, release_run_id=empty)
    with pytest.raises(ReleaseError) as caught:
        made.manifest()
    assert len(caught.value.problems) == len(NEEDED) and "has no report optimise" in str(caught.value)


@pytest.mark.integration
def test_what_the_ledger_does_not_say(made: Made) -> None:
    opened = made.ledger.open_release("digits", "other", [], {"name": "x", "version": "1"})
    with pytest.raises(ReleaseError, match="does not say its run_id, release_run_id, data"):
        build_manifest(made.settings, made.project, opened.id)
    with pytest.raises(LedgerRefusal, match="no release"):
        build_manifest(made.settings, made.project, "digits-r0099")
