"""The tasks of data_preparation, from every kind of source to a split."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.data.topic import Topic
from include.settings import ROOT, Settings
from operators.data import CheckRoundOperator, CollectRoundOperator, MakeSplitOperator, MergeRoundOperator, TagVersionOperator

pytestmark = pytest.mark.integration

FIELDS = {"key": "id", "content": "pixels", "label": "digit"}


def records() -> list[dict[str, Any]]:
    return [
        {"id": n, "pixels": [n % 17, n // 20] + [(n * place) % 17 for place in range(62)], "digit": n % 10} for n in range(1, 301)
    ]


@pytest.fixture
def api() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(records()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/scans"
    server.shutdown()
    server.server_close()
    thread.join()


def source(kind: str, folder: Path, api: str, kafka: Any) -> dict[str, Any]:
    """Fill a source of a kind and return how project.yaml names it."""
    if kind == "sql":
        with sqlite3.connect(folder / "source.db") as connection:
            connection.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER)")
            connection.executemany(
                "INSERT INTO scans VALUES (?, ?, ?)", [(one["id"], bytes(one["pixels"]), one["digit"]) for one in records()]
            )
        return {"kind": kind, "table": "scans", **FIELDS}
    if kind == "files":
        (folder / "in").mkdir()
        (folder / "in" / "1.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records()))
        return {"kind": kind, "url": "in", "format": "jsonl", **FIELDS}
    if kind == "rest":
        return {"kind": kind, "url": api, **FIELDS}
    if kind == "kafka":
        topic = kafka.topic()
        kafka.send(topic, records())
        return {"kind": kind, "topic": topic, "servers": [kafka.server], **FIELDS}
    Topic.create(folder / "topics", "scans").append([(None, one) for one in records()])
    return {"kind": kind, "topic": "scans", **FIELDS}


@pytest.mark.parametrize("kind", ["sql", "files", "rest", "topic", "kafka"])
def test_from_source_to_split(
    kind: str, api: str, kafka: Any, data_server: Any, tmp_path: Path, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"by_{kind}"
    document = yaml.safe_load((ROOT / "include" / "projects" / "digits" / "project.yaml").read_text(encoding="utf-8"))
    document["name"], document["data"]["source"] = name, source(kind, tmp_path, api, kafka)
    document["data"]["checks"] = {"min_rows": 100, "max_duplicates": 1.0}
    (tmp_path / "projects" / name).mkdir(parents=True)
    (tmp_path / "projects" / name / "project.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    access = {"url": data_server.url, "access_key": data_server.dev[0], "secret_key": data_server.dev[1]}
    settings = Settings(
        home=tmp_path,
        projects_dir=tmp_path / "projects",
        source_url=f"sqlite:///{tmp_path / 'source.db'}",  # type: ignore[arg-type]
        **{f"data_dev_{field}": value for field, value in access.items()},
    )
    monkeypatch.setattr("operators.base.platform_settings", lambda: settings)

    found = CollectRoundOperator(task_id="collect", project=name).execute(context)
    assert found["count"] == 300 and json.loads(json.dumps(found)) == found
    assert CollectRoundOperator(task_id="collect", project=name).execute(context) == {**found, "new": False}
    report = CheckRoundOperator(task_id="check", project=name, round=found).execute(context)
    assert {"source_columns", "source_types", "bad_rows"} <= {check["name"] for check in report["checks"]}
    merged = MergeRoundOperator(task_id="merge", project=name, round=found).execute(context)
    version = TagVersionOperator(task_id="tag", project=name, round=merged).execute(context)
    split = MakeSplitOperator(task_id="split", project=name, version=version).execute(context)
    assert version["count"] == 300 and sum(split["counts"].values()) > 0
    with pytest.raises(AirflowSkipException, match="nothing new"):
        CollectRoundOperator(task_id="collect", project=name).execute({**context, "run_id": "manual__2"})
    if kind == "sql":
        document["data"]["source"]["table"] = "nowhere"
        (tmp_path / "projects" / name / "project.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        with pytest.raises(AirflowFailException, match="SourceError: source table nowhere: there is no such table"):
            CollectRoundOperator(task_id="collect", project=name).execute({**context, "run_id": "manual__3"})
