"""What a profile tells of columns, their relations, and what moved between two versions."""

import numpy as np
import pytest

from include.explore import comparing, relations
from include.explore.book import Book, plain
from include.explore.columns import describe, tell
from include.explore.measuring import Measures
from include.projects import Project, load_project
from include.reports import page
from include.reports.letters import spelt

RNG = np.random.default_rng(0)


def table_project(**columns):
    raw = load_project("breast_masses").model_dump(exclude_unset=True, exclude={"training", "transforms", "feature_views"})
    rules = {"quality": {}, "masking": None, "content": {"kind": "table", "columns": columns}}
    return Project(**{**raw, "data": {**raw["data"], **rules}})


def test_numbers():
    import pandas as pd

    values = pd.Series([*range(1, 101), 1000.0, None])
    told = describe("x", values, "number", False)
    assert (told["count"], told["missing"], told["unique"], told["outliers"], told["zeros"]) == (101, 1, 101, 1, 0)
    assert told["mean"] == pytest.approx(np.mean([*range(1, 101), 1000]))
    assert told["deviation"] == pytest.approx(values.std()) and told["quantiles"]["50 %"] == 51
    assert describe("x", pd.Series([5.0, 5.0]), "number", False)["outliers"] == 0
    assert describe("x", pd.Series([None, None], dtype="Float64"), "number", False) == {
        "type": "number",
        "count": 0,
        "missing": 2,
        "unique": 0,
    }


def test_names_and_texts():
    import pandas as pd

    told = describe("도시", pd.Series(["서울", "서울", "부산", None]), "category", False)
    assert told["top"] == {"서울": 2, "부산": 1} and told["missing"] == 1
    said = describe("memo", pd.Series(["call 010-1234-5678"] * 3 + ["a@b.co.kr"] * 2), "text", False)
    assert said["personal"] == {"phone": 3, "email": 2} and said["characters"]["greatest"] == 18
    assert "1234" not in str(said) and "[PHONE]" in str(said["top"])


def test_columns_about_people_show_no_value():
    import pandas as pd

    people = pd.Series(["김철수", "이영희", "김철수"])
    assert describe("이름", people, "text", True) == {"type": "text", "count": 3, "missing": 0, "unique": 2, "hidden": True}
    project = table_project(
        이름={"type": "text", "personal": True}, 나이={"type": "integer"}, 급여={"type": "number", "personal": True}
    )
    frame = pd.DataFrame({"이름": people, "나이": [30, 41, 30], "급여": [91234.5, 98765.25, 91234.5]})
    book = Book()
    tell(book, project, Measures(frame, {"이름": "text", "나이": "integer", "급여": "number"}, {"이름", "급여"}), True)
    html = page("t", book.sections)
    assert "김철수" not in html and "declared" in html and "나이" in html
    for secret in ("91234", "91,234", "98765", "김철수"):
        assert secret not in html and secret not in str(book.facts) and secret not in str(book.metrics)
    assert not any(name.startswith(("mean", "deviation")) and "급여" in name for name in book.metrics)
    both = Measures(frame, {"이름": "text", "나이": "integer", "급여": "number"}, {"이름", "급여"})
    assert list(comparing.distances(both, both)) == ["나이"]


def test_how_columns_hang_together():
    import pandas as pd

    n = 2000
    x = RNG.normal(size=n)
    frame = pd.DataFrame({"x": x, "minus": -2 * x + 1, "noise": RNG.normal(size=n)})
    frame["side"] = np.where(x > 0, "높음", "낮음")
    frame["copy"] = np.where(x > 0, "a", "b")
    frame["coin"] = RNG.choice(["a", "b", "c"], n)
    found = relations.association(frame, ["x", "minus", "noise"], ["side", "copy", "coin"])
    at = {name: place for place, name in enumerate(["x", "minus", "noise", "side", "copy", "coin"])}
    assert found[at["x"], at["minus"]] == pytest.approx(-1) and abs(found[at["x"], at["noise"]]) < 0.1
    assert found[at["side"], at["x"]] == pytest.approx(0.798, abs=0.03), "the ratio of a halved normal: sqrt(2 / pi)"
    assert found[at["side"], at["copy"]] == pytest.approx(1, abs=1e-6) and found[at["coin"], at["copy"]] < 0.1
    assert np.allclose(found, found.T)
    assert np.isnan(relations.cramer(np.zeros(9, int), np.zeros(9, int))) and np.isnan(
        relations.ratio(np.zeros(9, int), np.ones(9))
    )
    half = np.array([0, 1] * 50)
    half[::10] = -1  # missing
    assert relations.cramer(half, half) == pytest.approx(1, abs=1e-6)


def test_relations_keep_their_sign_and_the_strongest_come_first():
    import pandas as pd

    n = 400
    x = RNG.normal(size=n)
    frame = pd.DataFrame({"x": x, "rises": x + RNG.normal(0, 1, n), "falls": -x + RNG.normal(0, 0.1, n), "same": np.ones(n)})
    frame["side"] = np.where(x > 0, "높음", "낮음")
    frame["copy"] = np.where(x > 0, "a", "b")
    types = {name: "number" for name in ("x", "rises", "falls", "same")} | {"side": "category", "copy": "category"}
    project = table_project(**{name: {"type": kind} for name, kind in types.items()})
    book = Book()
    relations.tell(book, project, Measures(frame, types), [None] * n, 0)
    told = {tuple(sorted(one["columns"])): one for one in book.facts["relations"]}
    assert told["falls", "x"]["strength"] == pytest.approx(-0.995, abs=0.01) and told["rises", "x"]["strength"] > 0.6
    measures = [told[pair]["measure"] for pair in (("falls", "x"), ("side", "x"), ("copy", "side"))]
    assert measures == ["Pearson's r", "correlation ratio", "Cramér's V"]
    sizes = [abs(one["strength"]) for one in book.facts["relations"]]
    assert sizes == sorted(sizes, reverse=True) and not any("same" in pair for pair in told)
    html = page("t", book.sections)
    assert "-0.99" in html and "Cramér" in html and book.plots["relations"].startswith(b"\x89PNG")


def test_what_columns_tell_of_the_label():
    import pandas as pd

    project, n = table_project(clear={"type": "number"}, none={"type": "number"}, kind={"type": "category"}), 400
    labels = [*(["benign"] * (n // 2)), *(["malignant"] * (n // 2))]
    frame = pd.DataFrame({"clear": np.r_[np.zeros(n // 2), np.ones(n // 2)] + RNG.normal(0, 0.05, n), "none": RNG.normal(size=n)})
    frame["kind"] = [f"k{label}" for label in labels]
    book = Book()
    types = {"clear": "number", "none": "number", "kind": "category"}
    relations.tell(book, project, Measures(frame, types), [None, *labels[1:]], 0)
    told = book.facts["tells_of_label"]
    assert told["clear"] == pytest.approx(np.log(2), abs=0.05) and told["kind"] == pytest.approx(np.log(2), abs=0.01)
    assert told["none"] < 0.1 and book.metrics["tells_of_label/clear"] == told["clear"]
    assert book.facts["relations"][0]["strength"] > 0.9


def test_what_moved_between_versions():
    import pandas as pd

    def measures(shift, share):
        frame = pd.DataFrame({"still": RNG.normal(size=3000), "moved": RNG.normal(shift, 1, 3000)})
        frame["city"] = RNG.choice(["서울", "부산"], 3000, p=[share, 1 - share])
        frame.loc[:299, "still"] = np.nan
        return Measures(frame, {"still": "number", "moved": "number", "city": "category"})

    found = comparing.distances(measures(0, 0.5), measures(1, 0.9))
    assert found["still"]["psi"] < 0.05 and found["still"]["missing"] == [0.1, 0.1] and found["still"]["p"] > 1e-4
    assert found["moved"]["psi"] > 0.5 and found["moved"]["ks"] > 0.3
    assert found["city"]["psi"] > 0.5 and 0.1 < found["city"]["js"] < 1
    assert comparing._names({"a": 5}, {"b": 5})["js"] == pytest.approx(1), "nothing in common, in bits"


def test_names_that_no_letter_shows_become_numbers(monkeypatch):
    monkeypatch.setattr("include.reports.letters.drawable", str.isascii)
    assert spelt(["radius", "반지름"]) == ["radius", "#2"]
    monkeypatch.setattr("include.reports.letters.drawable", lambda text: True)
    assert spelt(["반지름" * 20], 10) == ["반지름반지름반지름…"]


def test_numbers_that_are_none_do_not_reach_mlflow():
    book = Book()
    book.number("mean/키 (cm)!", 3)
    for wrong in (float("nan"), float("inf"), None):
        book.number("wrong", wrong)
    assert book.metrics == {"mean/키 _cm__": 3.0}
    assert plain({"a": np.float64("nan"), "b": np.int64(3)}) == {"a": None, "b": 3}
