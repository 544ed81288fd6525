"""What a profile tells of values that are missing."""

import numpy as np
import pytest

from include.explore import missing
from include.explore.book import Book
from include.explore.measuring import Measures
from include.projects import Project, load_project
from include.reports import page


def told(frame, project=None):
    book, types = Book(), dict.fromkeys(frame, "number")
    if project is None:
        raw = load_project("breast_masses").model_dump(exclude_unset=True, exclude={"training", "transforms", "feature_views"})
        columns = {name: {"type": "number"} for name in types}
        rules = {"quality": {}, "masking": None, "content": {"kind": "table", "columns": columns}}
        project = Project(**{**raw, "data": {**raw["data"], **rules}})
    missing.tell(book, project, Measures(frame, types))
    return book


def test_the_share_of_each_column_and_where_rows_lack_several():
    import pandas as pd

    frame = pd.DataFrame(np.ones((100, 4)), columns=["온도", "pressure", "flow", "whole"])
    frame.loc[:19, ["온도", "pressure"]] = np.nan
    frame.loc[15:29, "flow"] = np.nan
    book = told(frame)
    assert book.facts["missing"]["shares"] == {"온도": 0.2, "pressure": 0.2, "flow": 0.15}
    assert book.facts["missing"]["together"] == [
        {"columns": ["온도", "pressure"], "rows": 15},
        {"columns": ["flow"], "rows": 10},
        {"columns": ["온도", "pressure", "flow"], "rows": 5},
    ]
    html = page("t", book.sections)
    assert "3 of 4 columns lack values. 70 of 100 rows (70.00 %) lack none of them." in html and "온도, pressure, flow" in html
    assert book.plots["missing"].startswith(b"\x89PNG")


def test_of_the_rows_that_lack_one_how_many_lack_another():
    gone = np.array([[1, 1], [1, 0], [1, 0], [1, 0], [0, 0]], dtype=bool)
    assert missing.together(gone).tolist() == [[1.0, 0.25], [1.0, 1.0]]


def test_one_column_alone_and_a_wide_table():
    import pandas as pd

    one = pd.DataFrame({"a": [1.0, None, 3.0], "b": [1.0, 2.0, 3.0]})
    assert told(one).facts["missing"]["shares"] == {"a": pytest.approx(1 / 3, abs=1e-6)}
    wide = pd.DataFrame(np.ones((60, 45)), columns=[f"c{place:02d}" for place in range(45)])
    for place, name in enumerate(wide):
        wide.loc[:place, name] = np.nan
    book = told(wide)
    assert len(book.facts["missing"]["shares"]) == 45 and "Shown are the 30 that lack most" in page("t", book.sections)
    drawn = {name for one in book.facts["missing"]["together"] for name in one["columns"]}
    assert drawn <= {f"c{place:02d}" for place in range(15, 45)}


def test_where_nothing_is_missing_nothing_is_said():
    import pandas as pd

    assert told(pd.DataFrame({"a": [1.0, 2.0]})).sections == []
    assert told(pd.DataFrame({"a": []}, dtype=float)).sections == []
    digits = load_project("digits")
    assert told(pd.DataFrame({"brightness": [1.0, None]}), digits).sections == [], "not measured is not missing"
