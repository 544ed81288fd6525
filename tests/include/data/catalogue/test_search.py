from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from include.data.catalogue import KINDS, annotate, find, search
from include.data.catalogue.__main__ import main
from include.data.lineage import UnknownAsset
from include.ledger import Ledger, LedgerRefusal
from include.projects import load_project
from include.settings import ROOT, Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def room(world: Any, tmp_path: Path) -> Any:
    """A world whose project is a file, beside one that is broken, with a version, a split and a ledger."""
    folder = tmp_path / "projects"
    document = yaml.safe_load((ROOT / "include/projects/digits/project.yaml").read_text(encoding="utf-8"))
    document |= {"name": world.project.name, "title": "손글씨 <script>", "owner": "비전 팀"}
    document["data"]["checks"] = {"max_duplicates": 1.0}
    (folder / world.project.name).mkdir(parents=True)
    (folder / world.project.name / "project.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    (folder / "broken").mkdir()
    (folder / "broken" / "project.yaml").write_text("name: [", encoding="utf-8")
    world.settings = world.settings.model_copy(update={"projects_dir": folder, "mlflow_url": "http://127.0.0.1:9"})
    world.project = load_project(world.project.name, folder)
    Ledger(world.settings.ledger()).migrate()
    world.split(world.to_version())
    return world


def found(room: Any, *args: Any, **more: Any) -> list[str]:
    return [one.id for one in search(room.settings, *args, **more)]


def test_by_each_of_what_is_known(room: Any) -> None:
    repo = room.dev.name
    everything = search(room.settings)
    assert [one.kind for one in everything] == ["round", "version", "split"]
    assert everything[0].to_dict() == json.loads(json.dumps(everything[0].to_dict()))
    version = everything[1]
    assert (version.id, version.state, version.count, version.owner) == (f"{repo}/versions/v1", "labelled", 200, "비전 팀")
    assert version.by == "developer" and "pixels" in version.columns
    assert version.links["record"].endswith(f"/devmlops/records/dev/{room.project.name}/v1/versions/v1.json")
    assert found(room, kind="version") == [f"{repo}/versions/v1"]
    assert found(room, "STRATIFIED") == [everything[2].id] == found(room, state="split")
    assert found(room, column="DIGIT", kind="round") == [f"{repo}/rounds/000001"] and found(room, column="digi") == []
    assert (
        found(room, owner="비전 팀", kind="version") == found(room, owner="DEVELOPER", kind="version") == [f"{repo}/versions/v1"]
    )
    assert found(room, "v1 첫") == [f"{repo}/versions/v1"] and found(room, "v1 nonsense") == []
    assert found(room, state="raw") == [f"{repo}/rounds/000001"]


def test_owners_that_do_not_answer_are_named_and_the_rest_is_found(room: Any) -> None:
    told = search(room.settings)
    assert len(told) == 3
    said = "\n".join(told.problems)
    assert "Project broken is missing here" in said and "MLflow at http://127.0.0.1:9" in said
    closed = search(room.without("ops"))
    assert len(closed) == 3 and sum("ops zone" in one for one in closed.problems) == 1
    down = room.settings.model_copy(
        update={"data_dev_url": "http://127.0.0.1:9", "ledger_url": SecretStr("sqlite:////nowhere.db")}
    )
    nothing = search(down, kind="version")
    assert nothing == [] and any("dev zone is missing" in one for one in nothing.problems)


def test_people_s_tags_and_descriptions(room: Any) -> None:
    asset = f"{room.dev.name}/versions/v1"
    noted = annotate(room.settings, asset, "kim", "기준 판 <script>alert(1)</script>", add=["기준", "baseline"])
    assert (noted.tags, noted.description) == (["baseline", "기준"], "기준 판 <script>alert(1)</script>")
    assert found(room, tag="기준") == [asset] == found(room, "alert(1)") and found(room, tag="기") == []
    annotate(room.settings, asset, "kim", remove=["기준"])
    assert found(room, tag="기준") == [] and find(room.settings, asset).tags == ["baseline"]
    entry = Ledger(room.settings.ledger()).audit_entries(asset)[-1]
    assert (entry.actor, entry.action) == ("kim", "asset.note")
    with pytest.raises(UnknownAsset, match="there is no asset"):
        annotate(room.settings, f"{room.dev.name}/versions/v9", "kim", "text")
    with pytest.raises(LedgerRefusal):
        annotate(room.settings, asset, "kim", add=["x" * 101])


def test_feature_views_of_project_yaml(room: Any) -> None:
    path = room.project.folder / "project.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    view = {"entity": "scan", "keys": {"scan_id": "integer"}, "timestamp": "seen_at", "features": {"밝기": {"type": "number"}}}
    document["feature_views"] = {"scans": {**view, "transform": "features:scans", "tags": ["실시간"], "owner": "특징 팀"}}
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    (one,) = search(room.settings, kind="feature view")
    assert (one.id, one.owner, one.tags) == (f"{room.project.name}/features/scans", "특징 팀", ["실시간"])
    assert found(room, column="밝기") == [one.id] == found(room, owner="특징 팀") and one.id in found(room, tag="실시간")


@pytest.mark.parametrize(("wrong", "said"), [({"kind": "table"}, "Kinds: round"), ({"project": "../x"}, "Projects: broken")])
def test_what_is_no_kind_or_project_is_refused(room: Any, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownAsset, match=said):
        search(room.settings, **wrong)


@pytest.mark.parametrize("text", ["<script>", "'; DROP TABLE x --", "😀", "\x00", "a" * 10_000, "   "])
def test_any_text_may_be_searched(room: Any, text: str) -> None:
    assert len(search(room.settings, text)) == (3 if not text.strip() else 0)


def test_from_the_command_line(room: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in room.settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings().projects_dir == room.settings.projects_dir
    asset = f"{room.dev.name}/versions/v1"
    assert main(["note", asset, "--tag", "기준", "--by", "kim", "--description", "말"]) == 0
    assert main(["search", "--tag", "기준", "--kind", "version"]) == 1, "MLflow did not answer, and that is told"
    out = capsys.readouterr()
    assert asset in out.out and "Project broken" in out.err
    assert main(["show", asset]) == 0
    out = capsys.readouterr()
    assert f"{room.dev.name}/rounds/000001" in out.out and "기준" in out.out
    assert main(["search", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["assets"]) == 3
    assert main(["show", "nothing/at/all"]) == 2 and "there is no asset" in capsys.readouterr().err
    assert main(["note", asset, "--tag", ""]) == 2


def test_every_kind_is_listed_once() -> None:
    assert len(set(KINDS)) == len(KINDS)
