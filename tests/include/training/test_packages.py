from include.training.packages import differing, installed
from include.training.reproducibility import packages


def test_a_package_has_one_name_however_it_is_written():
    assert installed("Jinja2==3.1\nruamel.yaml==1\nscikit_learn==1.5\n\nno version\n") == {
        "jinja2": "3.1",
        "ruamel-yaml": "1",
        "scikit-learn": "1.5",
    }
    assert installed(packages())["torch"]


def test_only_what_differs_is_told_with_all_versions():
    first, second = {"a": "1", "b": "1", "c": "2"}, {"a": "1", "b": "2"}
    assert differing(first, second) == {"b": ["1", "2"], "c": ["2", None]}
    assert differing(first, None, dict(first)) == {}  # what nobody wrote down differs from nothing
    assert differing(first, None, second)["b"] == ["1", None, "2"]
