import sqlite3
import uuid
from typing import Any

import numpy as np
import pytest

from include import data
from include.settings import Settings
from include.training.parts import prepare
from include.training.slices import MISSING, groups, ways


@pytest.mark.integration
def test_the_group_of_each_item_of_the_test_part_comes_in_its_order(data_server: Any, digits: Any, tmp_path: Any) -> None:
    source = digits.data.source.model_copy(update={"group": "person"})
    checks = digits.data.checks.model_copy(update={"min_rows": 10, "min_rows_per_class": 1})
    crossing = digits.split.model_copy(update={"groups_may_cross": True})
    content = {"source": source, "checks": checks}
    project = digits.model_copy(
        update={"name": f"t{uuid.uuid4().hex[:12]}", "data": digits.data.model_copy(update=content), "split": crossing}
    )
    (dev, ops), path = (data_server.dev, data_server.ops), tmp_path / "source.db"
    settings = Settings(
        home=tmp_path,
        data_dev_url=data_server.url,
        data_dev_access_key=dev[0],
        data_dev_secret_key=dev[1],
        data_ops_url=data_server.url,
        data_ops_access_key=ops[0],
        data_ops_secret_key=ops[1],
        source_url=f"sqlite:///{path}",
        prediction_log=tmp_path / "log",
    )
    values = np.random.default_rng(0).integers(0, 17, (200, 64), dtype=np.uint8)
    people = [None if n % 20 == 0 else f"사람{n % 7}" for n in range(200)]
    rows = [(n + 1, values[n].tobytes(), n % 10, f"2026-01-05T09:{n % 60:02d}:00+09:00", people[n]) for n in range(200)]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE scans (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT, person TEXT)"
        )
        connection.executemany("INSERT INTO scans VALUES (?, ?, ?, ?, ?)", rows)
    found = data.collect_round(settings, project, "dev", "r1", "developer")
    data.check_round(settings, project, found)
    split = data.make_split(
        settings, project, data.tag_version(settings, project, data.merge_round(settings, project, found), "첫 판", "developer")
    )
    part = data.load_part(settings, project, split, "test")
    whose = {rows[n][1]: people[n] or MISSING for n in range(200)}
    wanted = [whose[item.tobytes()] for item in part.contents]
    assert groups(settings, split) == wanted and len(set(wanted)) > 3
    by = ways(settings, project, prepare(digits, part.contents, part.labels), split)
    assert by["group"] == wanted
