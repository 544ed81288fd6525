"""What is wrong with a project.yaml is told for people: path, line, what is wrong, what would be right; all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.projects import ProjectError, load_project
from include.projects.reading import LARGEST
from include.settings import ROOT

GOOD = (ROOT / "include" / "projects" / "digits" / "project.yaml").read_text(encoding="utf-8")


def told(folder: Path, content: str | bytes) -> list[str]:
    """Return the lines of the error, each without the path in front of it."""
    path = folder / "digits" / "project.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProjectError) as caught:
        load_project("digits", folder)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    assert len(lines) == len(caught.value.problems) == len(caught.value.lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def at(text: str, content: str = GOOD) -> int:
    """Return the line of the first occurrence of a text."""
    return content[: content.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("domain: vision", "domain: visoin", "domain: must be one of vision, language, tabular, mixed (is 'visoin'). Did"),
        ("min_rows: 500", "min_row: 500", "data.checks.min_row: there is no such key. Did you mean min_rows? Keys here: "),
        ("min_rows: 500", "min_rows: many", "data.checks.min_rows: must be a whole number (is 'many')"),
        ("min_rows: 500", "min_rows: 0", "data.checks.min_rows: must be at least 1 (is 0)"),
        ("kind: sql", "kind: sqll", "data.source.kind: must be one of sql, files, rest, topic, kafka (is 'sqll'). Did"),
        ("kind: sql, ", "", "data.source.kind: is missing. Write one of sql, files"),
        ('["0", ', "[0, ", 'classes.0: must be text (is 0). Write it in quotes: "0"'),
        ("{low: 0.0, high: 0.4}", "{low: 0.4, high: 0.1}", "space.dropout.low: must be below high (is 0.4, high is 0.1)"),
        ("{low: 0.0, high: 0.4}", "{low: .nan, high: 0.4}", "training.tuning.space.dropout.low: must be below high (is nan"),
        ("batch_size: {choices", "batch_size: {choice", "batch_size.choice: there is no such key. Did you mean choices?"),
        ("minimum: 0.95", "minimum: [1]", "training.gate.minimum: must be a number (is [1])"),
        ("beat_baseline: true", "beat_baseline: maybe", "training.gate.beat_baseline: must be true or false (is 'maybe')"),
        ("metric: accuracy", "metric: beauty", "training.gate.metric: there is no metric 'beauty' for classification. There"),
        ("metric: accuracy", "metric: accurracy", "metric 'accurracy' for classification. Did you mean accuracy? There are acc"),
        ("task: classification", "task: tagging", "task: task tagging is about content of kind text, not array"),
        ("owner: data-team", "owner: [a]", "owner: must be text (is [\"a\"])"),
        ("release:", "release: 3 #", "release: must be a section of keys and values (is 3)"),
    ],
)  # fmt: skip
def test_a_problem_has_its_line(old: str, new: str, says: str, tmp_path: Path) -> None:
    content = GOOD.replace(old, new, 1)
    if "#" in new:  # what was below is no more
        content = "\n".join(line for line in content.splitlines() if not line.startswith("  ") or at(line) < at(old))
    (line,) = [line for line in told(tmp_path, content) if says in line]
    assert line.startswith(f"{at(old)}: ")


def test_a_missing_key_is_told_where_it_belongs(tmp_path: Path) -> None:
    (line,) = told(tmp_path, GOOD.replace("table: scans, ", ""))
    assert line == f"{at('source: {')}: data.source.table: is missing. Write `table: ...` (text). Name of the table or view."
    (line,) = told(tmp_path, GOOD.replace("title: Handwritten digits\n", ""))
    assert line.startswith("1: title: is missing. Write `title: ...` (text).")


def test_all_problems_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = (
        GOOD.replace("domain: vision", "domain: x").replace("window_rows: 200", "window_rows: 1").replace("seed: 7", "seed: x")
    )
    places = [line.split(": ")[1] for line in told(tmp_path, content)]
    assert places == ["domain", "training.seed", "monitoring.window_rows"]


def test_all_that_does_not_fit_together_at_once(tmp_path: Path) -> None:
    content = GOOD.replace("name: digits", "name: digit").replace("metric: accuracy", "metric: beauty")
    content = content.replace("method: stratified", "method: grouped")
    lines = told(tmp_path, content)
    assert [line.split(": ")[1] for line in lines] == ["name", "split", "training.gate.metric"]
    assert lines[0] == "1: name: name is 'digit' but its folder is 'digits': make them the same"


def test_a_tag_that_is_also_a_key(tmp_path: Path) -> None:
    source = GOOD.splitlines()[at("source: {") - 1]
    content = GOOD.replace(source, "  source: {kind: topic, topic: scans, content: pixels, key: id, max_records: 0}")
    assert any("data.source.max_records: must be at least 1 (is 0)" in line for line in told(tmp_path, content))


def test_a_path_of_the_product_is_told_from_its_root() -> None:
    error = ProjectError(ROOT / "include" / "projects" / "x" / "project.yaml", ["title: is missing"], [3])
    assert str(error) == "include/projects/x/project.yaml:3: title: is missing"


def test_a_component_that_is_missing_has_its_line() -> None:
    project = load_project("digits")
    with pytest.raises(ProjectError) as caught:
        project.function("components.model", "nowhere:build")
    assert caught.value.lines == [at("model: model:build")]


@pytest.mark.parametrize("secret", ["https://me:hunter2@host/api?x=1", "http://hunter2@host"])
def test_no_credential_is_repeated(secret: str, tmp_path: Path) -> None:
    source = GOOD.splitlines()[at("source: {") - 1]
    lines = told(tmp_path, GOOD.replace(source, f"  source: {{kind: rest, key: id, url: '{secret}'}}"))
    assert any("data.source.url: must match" in line for line in lines) and "hunter2" not in "".join(lines)


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (GOOD.replace("  method: stratified", "\tmethod: stratified"), at("method: strat"), "column 1: not readable as YAML: "),
        (GOOD.replace("  method: stratified", "\tmethod: stratified"), at("method: strat"), "indent by spaces"),
        (GOOD.replace("title: Hand", "title: a: Hand"), 2, "Put a text that holds ': ' in quotes"),
        (GOOD.replace("  seed: 20", "  seed: 20\n  seed: 21"), at("seed: 20") + 1, "split.seed: is there twice"),
        (GOOD + "1: 2\n", GOOD.count("\n") + 1, "1: keys must be text. Write '1' in quotes"),
        (GOOD + "yes: 2\n", GOOD.count("\n") + 1, "yes: keys must be text"),
        (GOOD + "---\na: 1\n", GOOD.count("\n") + 1, "take '---' out"),
        (GOOD.replace("Handwritten digits", "!!python/name:os.system"), 2, "Tags are not taken"),
        (GOOD + "x: &x [*x]\n", GOOD.count("\n") + 1, "an alias repeats what it is a part of"),
        (GOOD + "x: " + "[" * 60_000, GOOD.count("\n") + 1, "is nested more than 60 levels deep"),
        (GOOD + "x: " + "- " * 60_000, GOOD.count("\n") + 1, ""),
        (GOOD + "x:\n  " + "- " * 60_000, GOOD.count("\n") + 2, "is nested more than 60 levels deep"),
        (GOOD.replace("Handwritten digits", "숫자").encode("cp949"), 2, "byte 0xbc is none of it (is it CP949?). Save"),
        (GOOD.encode("utf-16"), 1, "it is UTF-16. Save it as UTF-8"),
        (b"\0", 1, "not readable as YAML"),
    ],
)  # fmt: skip
def test_what_is_no_yaml(content: str | bytes, line: int, says: str, tmp_path: Path) -> None:
    (problem,) = told(tmp_path, content)
    assert problem.startswith(f"{line}: ") and says in problem


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, GOOD + "#" * LARGEST)
    assert problem == " is 1.0 MiB large, and 1 MiB is the most. Data belongs to data.source, words into data.dictionaries"


def test_aliases_that_blow_up(tmp_path: Path) -> None:
    layers = [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12)]
    (problem,) = told(tmp_path, GOOD + "b0: &b0 [1, 2, 3]\n" + "\n".join(layers))
    assert "holds more than 100,000 values. Aliases repeat what they name" in problem


def test_what_is_unusual_and_right(tmp_path: Path) -> None:
    path = tmp_path / "digits" / "project.yaml"
    path.parent.mkdir()
    text = GOOD.replace("owner: data-team", "owner: &team 데이터 팀").replace("contact: data-team", "contact: *team")
    for content in (b"\xef\xbb\xbf" + text.encode(), text.replace("\n", "\r\n").encode(), f"---\n{text}...\n".encode()):
        path.write_bytes(content)
        project = load_project("digits", tmp_path)
        assert project.owner == project.card.contact == "데이터 팀"


def test_a_project_elsewhere_is_imported_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere_only"
    folder.mkdir()
    (folder / "project.yaml").write_text(GOOD.replace("name: digits", "name: elsewhere_only"), encoding="utf-8")
    (folder / "model.py").write_text("def build(params):\n    return 'mine'\n")
    assert load_project("elsewhere_only", tmp_path).component("model")({}) == "mine"
