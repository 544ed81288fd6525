import dataclasses

import numpy as np
import pytest

from include.training.slices import MISSING, OTHERS, quarters, sliced, ways


def test_a_test_part_is_sliced_by_class_and_round(digits, arrays):
    part = dataclasses.replace(arrays["test"], kinds=["digits-ops/000001"] * 50 + ["dev"] * 150)
    by = ways(None, digits, part, None)
    assert list(by) == ["class", "round"]
    outputs = np.eye(10)[np.where(np.arange(200) < 50, 3, part.labels)]
    rows = {(row["by"], row["slice"]): row for row in sliced(digits, part.labels, outputs, by)}
    assert rows["round", "dev"]["value"] == 1 and rows["round", "dev"]["rows"] == 150
    operating = rows["round", "digits-ops/000001"]
    assert operating["value"] == pytest.approx((part.labels[:50] == 3).mean())
    assert operating["low"] < operating["value"] < operating["high"]


def test_a_class_without_rows_is_told(digits):
    rows = sliced(digits, np.array([1, 1]), np.eye(10)[[1, 2]], {"class": ["1", "1"]})
    assert len(rows) == 10 and rows[0]["value"] is None and rows[0]["note"] == "no rows in the test part"
    assert rows[1]["value"] == 0.5 and rows[1]["note"] == "few rows"


def test_columns_with_korean_missing_and_many_values(building, masses):
    project = building("breast_masses", slices=["laboratory", "radius", "patient"])
    test = masses["test"]
    contents = test.contents.assign(patient=[f"환자 {n}" if n > 30 else None for n in range(len(test.labels))])
    by = ways(None, project, dataclasses.replace(test, contents=contents), None)
    rows = sliced(project, test.labels, np.eye(2)[test.labels], by)
    found = {way: [row["slice"] for row in rows if row["by"] == way] for way in by}
    assert found["laboratory"] == ["Busan", "Madison", "서울"] and len(found["radius"]) == 4
    assert MISSING in found["patient"] and OTHERS in found["patient"] and len(found["patient"]) == 21
    assert sum(row["rows"] for row in rows if row["by"] == "patient") == len(test.labels)


def test_numbers_are_sliced_by_quarters(building, windows):
    project = building("co2_levels")
    test = windows["test"]
    rows = sliced(project, test.labels, test.labels + 2, ways(None, project, test, None))
    assert len(rows) == 4 and all(row["by"] == "label" and row["metric"] == "rmse" for row in rows)
    assert [row["value"] for row in rows] == pytest.approx([2, 2, 2, 2])
    assert quarters(np.array([1.0, np.nan, 1.0])) == ["1", MISSING, "1"] and quarters(np.array([np.nan])) == [MISSING]
