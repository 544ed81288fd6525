from __future__ import annotations

import json
import re
from typing import Any

import pytest

from include.data import ReferenceFault, make_bundle
from include.data.sheet import data_sheet, keep_sheet, main
from include.data.sheet_pages import Bars, Cell, Drawing, Part, Rows, Words, html, markdown
from include.ledger import Ledger

NASTY = "<script>alert(1)</script> | [x](javascript:y) `*_` 한글 😀\n# h"


def test_both_pages_show_text_from_outside_as_it_is() -> None:
    from markupsafe import Markup

    blocks = [Words(NASTY, "javascript:x"), Rows([NASTY, "n"], [[Cell(NASTY, 'https://x/"><|'), 1234567]]), Bars({NASTY: 3})]
    parts = [Part(NASTY, [*blocks, Drawing(Markup("<svg></svg>"), [NASTY])])]
    page, text = html(NASTY, NASTY, parts), markdown(NASTY, NASTY, parts)
    assert "<script" not in page and 'href="javascript' not in page and "한글 😀" in page and "1,234,567" in page
    assert "<script" not in text and "](javascript" not in text.replace("\\]", "").replace("\\(", "") and "한글 😀" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]], "a name makes no heading"


@pytest.mark.integration
def test_a_sheet_tells_what_the_records_tell(world: Any, rows: Any) -> None:
    Ledger(world.settings.ledger()).migrate()
    settings = world.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    version = world.to_version("digits.data_preparation/one")
    split = world.split(version)
    asset = f"{world.dev.name}/versions/v1"
    Ledger(settings.ledger()).note_asset(asset, "kim", f"쓰기 전에 볼 것 {NASTY}", add=["기준"])
    page, text = data_sheet(settings, world.project, version)
    assert "<script" not in page and "<script" not in text
    for title in ("Motivation", "Composition", "Collection", "Refining", "Labelling", "Quality", "Splits", "Uses", "Lineage"):
        assert f"<h2>{title}</h2>" in page and f"## {title}" in text
    assert split["split_digest"][7:19] in page and f"train {split['counts']['train']}" in page
    assert "It is not known who used it" in page and "No run or model is known" not in page
    assert "Runs and models are missing here: MLflow" in page and "<svg" in page and "kim says" in page and "기준" in page
    record = f"/devmlops/records/dev/{world.project.name}/v1/versions/v1.json"
    assert re.search(rf'<a href="[^"]*{record}">200</a>', page) and f"[200](<{settings.airflow_url}{record}>)" in text
    assert "/dags/digits.data_preparation/runs/one" in page
    world.insert(rows(200, 50))
    world.to_version("two")
    assert "Newest version</td><td>v2" in data_sheet(settings, world.project, version)[0]


@pytest.mark.integration
def test_every_number_s_record_is_there(world: Any) -> None:
    version = world.to_version()
    world.split(version)
    page, _ = data_sheet(world.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"}), world.project, version)
    found = set(re.findall(rf'/devmlops/records/dev/{world.project.name}/([^/"]+)/([^"]+)"', page))
    assert len(found) >= 4
    for ref, path in found:
        assert json.loads(world.dev.get(ref, path))


@pytest.mark.integration
def test_a_sheet_is_kept_beside_the_version_and_made_afresh(world: Any) -> None:
    version = world.to_version()
    first = keep_sheet(world.settings, world.project, version, "developer")
    assert first["url"].endswith(f"/devmlops/reports/dev/{world.project.name}/reports/sheets/v1.html")
    world.split(version)
    second = keep_sheet(world.settings, world.project, version, "developer")
    old, new = (world.dev.get(one["report"]["ref"], "sheets/v1.html").decode() for one in (first, second))
    assert "It was not split." in old and "stratified" in new
    assert world.dev.get("reports", "sheets/v1.md").decode().startswith("# ")
    assert world.dev.head("v1") == version["commit"] and not list(world.dev.list("main", "sheets/"))


@pytest.mark.integration
def test_a_bundle_of_both_zones(world: Any) -> None:
    split = world.split(world.to_version())
    bundle = make_bundle(world.settings, world.project, "b1", "developer", [split])
    page, _ = data_sheet(world.settings, world.project, bundle)
    assert f"{world.dev.name}</td>" in page and ">old<" in page
    assert f"/devmlops/records/dev/{world.project.name}/" in page and f"/devmlops/records/ops/{world.project.name}/v1/" in page


@pytest.mark.integration
def test_people_s_labels_are_told(world: Any) -> None:
    """A version whose document names a labelled round."""
    version = world.to_version()
    agreement = {"mean": 0.87, "alpha": 0.8, "disputed": 3, "missing": 0, "people": {"김": {"answers": 20}}}
    labels = {"number": 2, "kind": "labels", "source": "label-studio", "count": 15, "agreement": agreement}
    world.dev.put("main", "rounds/000002/round.json", json.dumps(labels).encode())
    document = json.loads(world.dev.get("main", "versions/v1.json"))
    piece = {**document["pieces"][0], "labels": [{"repository": world.dev.name, "zone": "dev", "round": 2}]}
    document |= {"version": "v2", "pieces": [piece], "rounds": [1, 2]}
    world.dev.put("main", "versions/v2.json", json.dumps(document).encode())
    about = {"step": "merge", "kind": "version", "version": "v2", "rounds": "[1, 2]", "count": 200, "labelled": 200}
    world.dev.tag("v2", world.dev.commit("main", "Version v2", about))
    page, text = data_sheet(world.settings, world.project, {**version, "version": "v2"})
    assert "0.87" in page and "김 (20)" in page and "label-studio" in page and "0.87" in text


@pytest.mark.integration
def test_an_unknown_version_is_named_with_those_that_there_are(
    world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = world.to_version()
    with pytest.raises(ReferenceFault, match=r"there is no version 'v9'\. Versions there: v1"):
        data_sheet(world.settings, world.project, {**version, "version": "v9"})
    for name, value in world.settings.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["nobody", "v1"]) == 2 and "no project 'nobody'" in capsys.readouterr().err


@pytest.mark.integration
def test_more_rounds_than_a_page_lists(world: Any, many_rounds: Any) -> None:
    many_rounds(world.dev, world.project, 250)
    pieces = [
        {"repository": world.dev.name, "zone": "dev", "commit": world.dev.head("main"), "round": n, "count": 100, "digest": "d"}
        for n in range(1, 251)
    ]
    document = {"version": "v251", "pieces": pieces, "kind": "version", "rounds": list(range(1, 251)), "count": 25_000}
    document |= {"digest": "d", "run_id": "r", "author": "a", "labels": {"0": 2_500}}
    world.dev.put("main", "versions/v251.json", json.dumps(document).encode())
    about = {**{k: document[k] for k in ("version", "kind", "rounds", "count")}, "step": "merge", "labelled": 25_000}
    world.dev.tag("v251", world.dev.commit("main", "Version v251", about))
    page, text = data_sheet(world.settings, world.project, {"version": "v251", "zone": "dev"})
    assert "The newest 200 of 250 rounds are listed" in page and "239 earlier ones" in page and len(page) < 1_000_000
    assert "25,000" in text
