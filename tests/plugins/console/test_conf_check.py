from __future__ import annotations

import pytest

from plugins.console.asgi import path_of
from plugins.console.conf_check import TRIGGER, refusal, unknown_keys


@pytest.mark.parametrize(
    ("conf", "unknown"),
    [({"a": 1, "c": 2}, ["c"]), ({"a": 1}, []), ({}, []), (None, []), (5, []), (["a", "z"], []), ({"가": 1}, ["가"])],
)
def test_unknown_keys(conf: object, unknown: list[str]) -> None:
    assert unknown_keys(conf, {"a", "b"}) == unknown


def test_the_refusal_names_unknown_and_known_keys_and_the_nearest() -> None:
    body = refusal("digits.release", ["model_verson"], {"model_version", "reason"})
    assert body["unknown"] == ["model_verson"]
    assert body["known"] == ["model_version", "reason"]
    assert body["detail"] == (
        "conf has keys that digits.release does not know: model_verson. "
        "It knows: model_version, reason. Did you mean model_version?"
    )
    assert refusal("d", ["x"], set())["detail"] == "conf has keys that d does not know: x. It takes no conf."


@pytest.mark.parametrize(
    ("path", "root", "dag_id"),
    [
        ("/api/v2/dags/digits.release/dagRuns", "", "digits.release"),
        ("/api/v2/dags/digits.release/dagRuns/", "", "digits.release"),
        ("/airflow/api/v2/dags/d/dagRuns", "/airflow", "d"),
        ("/api/v2/dags/d/dagRuns/run-1", "", None),
        ("/api/v2/dags/d/dagRuns/list", "", None),
        ("/api/v2/dags", "", None),
    ],
)
def test_only_the_trigger_is_looked_at(path: str, root: str, dag_id: str | None) -> None:
    match = TRIGGER.match(path_of({"path": path, "root_path": root}))
    assert (match["dag_id"] if match else None) == dag_id
