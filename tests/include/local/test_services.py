from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from include.jobs import LocalJob
from include.jobs.fork_server import differing
from include.local.platform import Platform
from include.local.prepare import preparations
from include.local.services import AIRFLOW, FORK_SERVER, KEPT, data_keys_file, write_data_keys
from include.local.supervisor import configuration, spec_path

NAMES = (*AIRFLOW, FORK_SERVER, "mlflow", "data-server", "triton", "inference-ap", "labelling")


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("SHLVL", "7")
    monkeypatch.setattr("include.local.services._triton", lambda *a: (["tritonserver"], {"PATH": "x"}))
    monkeypatch.setattr("include.local.labelling.is_installed", lambda root: True)
    made = Platform(tmp_path / "home")
    made.places.make()
    return made


def specs(platform: Platform) -> dict[str, dict[str, object]]:
    found = {}
    for name, service in platform.services.items():
        service.write_spec(platform.places)
        found[name] = json.loads(spec_path(platform.places, name).read_text())
    return found


def secrets_of(platform: Platform) -> set[str]:
    def walk(value: object) -> set[str]:
        if isinstance(value, dict):
            return set().union(*map(walk, value.values()))
        return {str(value)}

    return walk(json.loads(platform.places.secrets.read_text()) if platform.secrets else {})


def test_all_services_are_there(platform: Platform) -> None:
    assert tuple(platform.services) == NAMES


def test_no_secret_stands_where_others_can_read_it(platform: Platform) -> None:
    written = specs(platform)
    open_text = configuration(platform.places, platform.services) + json.dumps([s["command"] for s in written.values()])
    assert not [secret for secret in secrets_of(platform) if secret in open_text]
    for name in NAMES:
        assert stat.S_IMODE(spec_path(platform.places, name).stat().st_mode) == 0o600


def test_a_service_sees_only_the_keys_it_needs(platform: Platform) -> None:
    written = specs(platform)
    for name in (FORK_SERVER, "mlflow", "data-server", "triton", "inference-ap", "labelling"):
        text = json.dumps(written[name]["environment"])
        for zone in ("dev", "ops", "admin"):
            assert platform.secrets.data[zone]["secret_key"] not in text, name
        assert platform.secrets.jwt_secret not in text
    assert platform.secrets.inference_admin_token in json.dumps(written["inference-ap"])
    assert platform.secrets.inference_admin_token not in json.dumps(written["mlflow"])
    assert platform.secrets.labelling_token in json.dumps(written["scheduler"])
    assert platform.secrets.labelling_token not in json.dumps([written["mlflow"], written["inference-ap"]])


def test_the_admin_key_is_in_no_environment(platform: Platform) -> None:
    assert platform.secrets.data["admin"]["secret_key"] not in json.dumps(specs(platform))


def test_the_shell_of_make_up_changes_no_service(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = specs(platform)["scheduler"]["environment"]
    assert isinstance(environment, dict)
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert "SHLVL" not in environment
    monkeypatch.setenv("SHLVL", "8")
    assert not platform.services["scheduler"].write_spec(platform.places)


def test_changed_code_of_the_product_starts_what_holds_it_anew(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    specs(platform)
    monkeypatch.setattr("include.local.services.code_state", lambda: "another")
    changed = Platform(platform.places.home)
    assert {name for name, one in changed.services.items() if one.write_spec(changed.places)} == {
        *AIRFLOW,
        "data-server",
        "inference-ap",
    }


def test_how_often_dag_files_are_read_again_is_for_the_shell_to_say(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"
    monkeypatch.setenv(name, "77")
    environment = specs(platform)["dag-processor"]["environment"]
    assert isinstance(environment, dict) and environment[name] == "77"


def test_the_fork_server_has_the_variables_of_a_job(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEPT, "LC_TIME", "DOCKER_HOST", "AIRFLOW__OPENLINEAGE__TRANSPORT", "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "77")
    written = specs(platform)
    monkeypatch.setattr(os, "environ", {**written["scheduler"]["environment"], "MLFLOW_TRACKING_SERVER_CERT_PATH": "/ours.pem"})
    asked = LocalJob("about", "digits", {}, platform.settings).environment()
    assert "AIRFLOW__CORE__LOAD_EXAMPLES" not in asked and asked["LC_TIME"] == "77"
    assert differing(written[FORK_SERVER]["environment"], asked) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_phones_home(platform: Platform, name: str) -> None:
    if name != "triton":
        environment = specs(platform)[name]["environment"]
        assert isinstance(environment, dict)
        assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert environment["ORT_DISABLE_TELEMETRY"] == environment["DO_NOT_TRACK"] == "1"
        assert environment["RAY_USAGE_STATS_ENABLED"] == "0"


def test_each_zone_writes_in_its_own(platform: Platform) -> None:
    write_data_keys(platform.places, platform.secrets)
    file = data_keys_file(platform.places)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    dev, ops, _ = json.loads(file.read_text())["keys"]
    assert dev["grants"] == [{"repositories": "*-dev", "actions": "write"}]
    assert {"repositories": "*-dev", "actions": "write"} not in ops["grants"]


def test_settings_follow_the_ports_and_lie_under_home(platform: Platform) -> None:
    settings = platform.settings
    assert settings.airflow_url.endswith(f":{platform.ports['airflow']}")
    assert settings.data("dev").secret_key.get_secret_value() == platform.secrets.data["dev"]["secret_key"]
    for path in (settings.model_repository, settings.prediction_log):
        assert path.is_relative_to(platform.places.home)
    assert str(platform.places.home) in settings.ledger()
    assert str(platform.places.home) in settings.source_url.get_secret_value()


def test_the_environment_makes_the_same_settings_elsewhere(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.settings import Settings

    for name, value in platform.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == platform.settings


def test_what_is_optional_starts_by_name_alone(platform: Platform) -> None:
    assert [name for name, service in platform.services.items() if service.optional] == ["labelling"]
    assert "labelling" not in platform.status()


def test_no_step_is_named_like_a_service(platform: Platform) -> None:
    # One table holds how far both are: a step that is over would pass for a service that is healthy.
    assert not set(preparations(platform)) & set(platform.services)
    assert {need for service in platform.services.values() for need in service.needs} <= set(preparations(platform))
