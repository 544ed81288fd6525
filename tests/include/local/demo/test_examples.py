"""`make examples`: what it fills, what it runs and what it shows, against an Airflow that the test plays."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from include.clients.airflow import AirflowError
from include.local.demo import examples as shown
from include.local.demo.examples import Examples, Result, examples, main, source_place, table
from include.local.demo.show import Show
from include.local.errors import PlatformError
from include.projects import Project, load_project
from include.settings import Settings


class Airflow:
    """Plays Airflow: every run succeeds at once, with the XComs it was given."""

    def __init__(self, xcoms: dict[tuple[str, str, str], Any], unknown: int = 0) -> None:
        self.xcoms, self.unknown, self.started = xcoms, unknown, []

    def call(self, method: str, path: str) -> Any:
        if self.unknown:
            self.unknown -= 1
            raise AirflowError(path, 404, "not found")
        return {}

    def trigger(self, dag_id: str, conf: dict[str, Any], run_id: str) -> str:
        self.started.append((dag_id, conf))
        return run_id

    def follow(self, *_: Any) -> Any:
        yield {"state": "success"}

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        found = {task for dag, task, _ in self.xcoms if dag == dag_id}
        return [{"task_id": task, "state": "success"} for task in sorted(found)]

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        return self.xcoms[dag_id, task_id, "return_value"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
        return self.xcoms.get((dag_id, task_id, "links"), {})


def version(name: str, state: str = "labelled", labelled: int = 24) -> dict[str, Any]:
    return {"version": name, "state": state, "count": 24, "labelled": labelled}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path, airflow_url="http://air", label_files=tmp_path / "labels", source_url=f"sqlite:///{tmp_path / 's.db'}"
    )  # type: ignore[arg-type]


def small(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    fill = project.component("source")
    monkeypatch.setattr(type(project), "component", lambda *_: lambda place: fill(place, 24))
    return project


def run(airflow: Airflow, project: Project, settings: Settings) -> tuple[Result, str]:
    out = io.StringIO()
    with Show(settings.home / "demo" / "e.json", Console(file=out, width=200)).step(project.name) as step:
        return Examples(settings, airflow).run(project, step), step.result  # type: ignore[arg-type]


def test_the_examples_are_what_is_shipped_but_for_the_demo(settings: Settings) -> None:
    found = {project.name: source_place(settings, project) for project in examples(settings)}
    assert found == {
        "breast_masses": settings.home / "source" / "breast_masses",
        "co2_levels": settings.home / "source" / "co2_levels",
        "digit_maps": settings.home / "source" / "digit_maps",
        "flower_groups": settings.home / "source" / "flower_groups",
        "pole_balance": settings.source_url.get_secret_value(),
        "shelf_photos": settings.home / "source" / "shelf_photos",
        "support_tickets": settings.source_url.get_secret_value(),
        "wine_cultivars": settings.home / "source" / "wine_cultivars",
    }


def test_a_source_that_lies_elsewhere_is_not_filled(settings: Settings) -> None:
    project = load_project("co2_levels")
    far = project.data.source.model_copy(update={"url": "s3://bucket/in"})
    changed = project.model_copy(update={"data": project.data.model_copy(update={"source": far})})
    with pytest.raises(PlatformError, match="source of co2_levels is of kind files"):
        source_place(settings, changed)


def test_a_labelled_example(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dag = "co2_levels.data_preparation"
    xcoms = {
        (dag, "tag_version", "return_value"): version("v1"),
        (dag, "make_split", "return_value"): {"counts": {"train": 20, "validation": 2, "test": 2}},
        (dag, "check_round", "links"): {"Quality report": "/devmlops/reports/dev/co2_levels/abc/rounds/000001/report.html"},
        (dag, "status_report", "links"): {"Status report": "http://air/status.html"},
    }
    airflow = Airflow(xcoms)
    result, told = run(airflow, small(load_project("co2_levels"), monkeypatch), settings)
    assert (settings.home / "source" / "co2_levels" / "1958.jsonl").is_file()
    assert [name for name, _ in airflow.started] == [dag] and "notes" in airflow.started[0][1]
    assert result.version == version("v1") and told == "24 new at the source; v1 labelled: 24 items, 24 with label"
    assert result.links["run of data_preparation"].startswith(f"http://air/dags/{dag}/runs/example-")
    assert result.links["Quality report"] == "http://air/devmlops/reports/dev/co2_levels/abc/rounds/000001/report.html"
    assert result.links["Status report"] == "http://air/status.html"


def test_an_example_whose_labels_are_a_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "shelf_photos.data_preparation", "shelf_photos.labelling"
    xcoms = {
        (first, "tag_version", "return_value"): version("v1", "refined", 0),
        (second, "tag_version", "return_value"): version("v2"),
        (second, "make_split", "return_value"): {"counts": {"train": 24, "validation": 0, "test": 0}},
    }
    airflow = Airflow(xcoms)
    result, _ = run(airflow, small(load_project("shelf_photos"), monkeypatch), settings)
    conf = airflow.started[1][1]
    assert airflow.started[1][0] == second and conf["version"] == "v1" and conf["format"] == "coco"
    assert len(json.loads((settings.label_files / conf["file"]).read_text())["images"]) == 24
    assert result.version == version("v2") and len(result.links) == 2


def test_nothing_new(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = version("v3")
    monkeypatch.setattr("include.data.latest_version", lambda *_: newest)
    project = small(load_project("support_tickets"), monkeypatch)
    run(Airflow({}), project, settings)
    result, told = run(Airflow({}), project, settings)
    assert result == Result("support_tickets", newest, None, result.links)
    assert told == "0 new at the source; v3 labelled: 24 items, 24 with label"


def test_labels_that_an_interrupted_run_left_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.data.latest_version", lambda *_: version("v1", "refined", 0))
    airflow = Airflow({("shelf_photos.labelling", "tag_version", "return_value"): version("v2")})
    result, _ = run(airflow, small(load_project("shelf_photos"), monkeypatch), settings)
    assert [name for name, _ in airflow.started] == ["shelf_photos.data_preparation", "shelf_photos.labelling"]
    assert result.version == version("v2")


def test_a_dag_that_airflow_has_not_read_yet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr("include.data.latest_version", lambda *_: version("v1"))
    airflow, project = Airflow({}, unknown=3), small(load_project("co2_levels"), monkeypatch)
    run(airflow, project, settings)
    assert airflow.unknown == 0 and len(airflow.started) == 1
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(clock))
    with pytest.raises(TimeoutError, match=r"does not know co2_levels\.data_preparation: look under Import Errors"):
        run(Airflow({}, unknown=99), project, settings)


def test_the_table_tells_what_there_is() -> None:
    out = io.StringIO()
    rows = [
        Result("a_b", version("v3"), {"counts": {"train": 17, "validation": 4, "test": 3}}, {}),
        Result("c_d", version("v1", "refined", 0), None, {}),
    ]
    Console(file=out, width=160).print(table(rows))
    said = out.getvalue()
    assert "17 train / 4 validation / 3 test" in said and "refined" in said and "v1" in said


def test_an_unknown_example_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--home", str(tmp_path), "--only", "nothing"]) == 1
    assert "there is no example nothing; examples: breast_masses, co2_levels" in " ".join(capsys.readouterr().out.split())
