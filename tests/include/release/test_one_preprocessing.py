"""Training and serving give the same tensors, bit for bit: arrays, texts, tables; by transforms and by own components."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from include.clients.triton import TritonClient, TritonError
from include.data import forms
from include.projects import Project, load_project, values
from include.projects.transforms import TransformStep
from include.release.inference_code import inference_files
from include.release.package import build_package
from include.release.samples import encoded, made_up, tensor
from include.training.preparation import Preparation, columns, fit
from include.training.transforms import TRANSFORMS

TABLE = """
  content:
    kind: table
    columns:
      나이: {type: integer, max_missing: 1}
      income: {type: number, max_missing: 1}
      city: {type: category, max_missing: 1}
      note: {type: text, max_missing: 1}
      member: {type: boolean, max_missing: 1}
      seen_at: {type: time, max_missing: 1}
transforms:
  - {use: standard_scale, columns: [나이, income, seen_at]}
  - {use: quantile_scale, columns: [income]}
  - {use: missing, columns: [나이, city, member]}
  - {use: one_hot, columns: [city], params: {most: 3}}
  - {use: bag_of_words, columns: [note], params: {features: 40, least: 1}}
"""
TEXT = """
  content: {kind: text, max_chars: 500}
transforms:
  - {use: bag_of_words, params: {features: 60, least: 1}}
  - {use: tokens, params: {length: 12, vocabulary: 30}}
"""
ARRAY = """
  content: {dtype: float64, shape: [3, 2], range: [-1000000, 1000000]}
transforms:
  - {use: flat}
"""
KINDS = {"table": TABLE, "text": TEXT, "array": ARRAY}
WORDS = ["배송", "지연됐어요", "환불", "refund", "late", "Straße", "ＡＢＣ", "e\u0301te", "1,000원", "😀", "그리고", "_x_"]
WORDS.append("\u1112\u1161\u11ab글")  # composed it is 한글


def make(folder: Path, kind: str) -> Project:
    """Write a project whose release answers with the model's very input."""
    name = f"same_{kind}_{uuid.uuid4().hex[:6]}"
    (folder / name).mkdir(parents=True)
    head = f"name: {name}\ntitle: 같은 것\ndomain: mixed\ntask: reduction\nowner: t\n"
    head += "split: {method: random, ratios: {train: 0.7, validation: 0.15, test: 0.15}}\ndata:\n"
    source = "  source: {kind: sql, table: t, key: id, content: body}\n"
    if kind == "table":
        source = "  source: {kind: files, url: x, glob: '*.csv', format: csv, key: id}\n"
    (folder / name / "project.yaml").write_text(head + source + KINDS[kind].lstrip("\n"), encoding="utf-8")
    return load_project(name, folder)


def row(rng: np.random.Generator) -> dict[str, Any]:
    moment = datetime(1969, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(rng.integers(0, 2**52)))
    found = {
        "나이": int(rng.integers(-(2**63), 2**63 - 1)) if rng.random() < 0.3 else int(rng.integers(0, 100)),
        "income": float(rng.normal() * 10.0 ** rng.integers(-90, 90)) if rng.random() < 0.3 else float(rng.normal()),
        "city": str(rng.choice(["Seoul", "부산", "대구", "New York", ""])),
        "note": " ".join(rng.choice(WORDS, int(rng.integers(0, 9)))),
        "member": bool(rng.random() < 0.5),
        "seen_at": (moment.astimezone() if rng.random() < 0.3 else moment).isoformat(),
    }
    return {name: None if rng.random() < 0.2 else value for name, value in found.items()}


def contents_of(project: Project, rows: int, seed: int) -> list[bytes]:
    rng, form = np.random.default_rng(seed), project.data.content
    if form.kind == "table":
        return [forms.encode(row(rng), form) for _ in range(rows)]
    if form.kind == "text":
        return [forms.encode(" ".join(["x", *rng.choice(WORDS, int(rng.integers(0, 30)))]), form) for _ in range(rows)]
    return [(rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-5, 5)).tobytes() for _ in range(rows)]


@pytest.mark.parametrize("seed", range(20))
def test_columns_of_rows_are_those_of_the_frame_that_training_reads(tmp_path: Path, seed: int) -> None:
    project = make(tmp_path, "table")
    contents = contents_of(project, 1 + 7 * seed, seed)
    trained = columns(forms.decode(contents, project.data.content), project)
    served = values.read(contents, project.data.content.model_dump(mode="json"))
    assert trained.keys() == served.keys()
    for name, column in trained.items():
        assert column.dtype == served[name].dtype and column.shape == served[name].shape, name
        if column.dtype == object:
            assert column.tolist() == served[name].tolist(), name
        else:
            assert column.tobytes() == np.where(np.isnan(served[name]), np.nan, served[name]).tobytes(), name


def test_a_moment_is_the_same_in_any_zone_and_before_1970() -> None:
    types = {"at": "time"}
    texts = ["2026-01-05T09:00:00+09:00", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00", "1969-12-31T23:59:59.999999+00:00", None]
    found = values.of_rows([{"at": text} for text in texts], types)["at"]
    assert found[:4].tolist() == [1767571200.0, 1767571200.0, 1767571200.0, -1e-06] and math.isnan(found[4])


def test_lost_rows_and_values_that_are_not_finite_are_named() -> None:
    with pytest.raises(ValueError, match="made 1 rows out of 2"):
        values.inputs(np.zeros((1, 3)), 2)
    with pytest.raises(ValueError, match="not finite, first of row 1"):
        values.inputs(np.array([[0.0], [np.nan], [np.inf]]), 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_a_part_are_the_bytes_that_rounds_hold(tmp_path: Path, kind: str, seed: int) -> None:
    project = make(tmp_path, kind)
    contents = contents_of(project, 20, seed)
    assert encoded(forms.decode(contents, project.data.content), project) == contents if kind != "array" else True
    sent = tensor(forms.decode(contents, project.data.content), project)
    assert [bytes(one[0]) for one in sent] == contents if kind != "array" else [one.tobytes() for one in sent] == contents


@pytest.mark.parametrize("kind", KINDS)
def test_made_up_contents_are_of_the_projects_form(tmp_path: Path, kind: str) -> None:
    project = make(tmp_path, kind)
    made = made_up(project, 9)
    found = [one.tobytes() for one in made] if kind == "array" else list(made[:, 0])
    assert len(found) == 9 and [forms.check(one, project.data.content) for one in found] == [None] * 9


def identity() -> bytes:
    """An ONNX file whose output is its input."""
    from onnx import TensorProto, helper

    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("input", "logits")]
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["logits"])], "same", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def pack(repository: Path, project: Project, ready: Preparation) -> str:
    release_id = f"{project.name.replace('_', '-')}-r0001"
    about: dict[str, Any] = {"precision": "fp32", "model": {}, "reference_sketch": None, "transforms": ready.steps}
    build_package(repository, project, release_id, onnx=identity(), **about)
    return release_id


def own(name: str, **components: Any) -> Project:
    """A shipped project with its own preprocess component instead of transforms, and a release that answers its input."""
    project = load_project(name)
    parts = project.components.model_copy(update=components)
    return project.model_copy(update={"transforms": [], "task": "reduction", "classes": [], "components": parts})


def plain(project: Project, folder: Path) -> Project:
    """A project without postprocess component: the task's default answers."""
    folder = folder / project.name
    folder.mkdir(parents=True)
    for path in project.folder.glob("*.*"):
        if path.stem != "postprocess":
            (folder / path.name).write_bytes(path.read_bytes())
    fields = project.components.model_fields_set - {"postprocess"}
    parts = type(project.components).model_construct(_fields_set=fields, **project.components.model_dump())
    return project.model_copy(update={"folder": folder, "components": parts})


@pytest.mark.integration
def test_the_model_server_makes_the_tensors_of_training_bit_for_bit(triton_server: Any, tmp_path: Path) -> None:
    """Through a real Triton, whose Python has another numpy; the same in this Python without any server."""
    with TritonClient(triton_server.settings()) as triton:
        for kind in KINDS:
            project = make(tmp_path, kind)
            form = project.data.content
            ready = fit(project, forms.decode(contents_of(project, 300, 1), form))
            unseen = forms.decode(contents_of(project, 90, 2), form)  # with words, cities and numbers that training never saw
            wanted = ready(unseen)
            release_id = pack(triton_server.repository, project, ready)
            triton.load(release_id)
            sent = tensor(unseen, project)
            for batch in (1, 7, 90):
                found = np.concatenate(
                    [triton.infer(release_id, {"INPUT": sent[i : i + batch]})["VECTOR"] for i in range(0, 90, batch)]
                )
                assert found.dtype == wanted.dtype == np.float32
                assert found.tobytes() == wanted.tobytes(), (kind, batch, np.flatnonzero((found != wanted).any(axis=1))[:5])
            assert wanted.any() and len(np.unique(wanted, axis=0)) > 60, kind


@pytest.mark.integration
def test_own_components_with_their_modules_and_files_are_served(triton_server: Any, tmp_path: Path) -> None:
    texts = plain(own("support_tickets", preprocess="preprocess:preprocess", files=["words.csv"]), tmp_path)
    assert set(inference_files(texts)) == {"preprocess.py", "tokens.py", "words.csv"}
    tables = plain(own("breast_masses", preprocess="preprocess:preprocess"), tmp_path)
    tickets = np.array(["배송이 언제 오나요? refund 환불", "where is my 4711 parcel", "....."], dtype=object)
    rows = forms.decode(list(made_up(tables, 6)[:, 0]), tables.data.content)
    with TritonClient(triton_server.settings()) as triton:
        for project, contents in ((texts, tickets), (tables, rows)):
            wanted = Preparation(project, None)(contents)
            release_id = pack(triton_server.repository, project, Preparation(project, None))
            triton.load(release_id)
            found = triton.infer(release_id, {"INPUT": tensor(contents, project)})["VECTOR"]
            assert found.tobytes() == wanted.tobytes() and wanted.any()
        bad = forms.encode({}, tables.data.content)
        with pytest.raises(TritonError, match="fill or leave out what is missing first"):
            triton.infer(release_id, {"INPUT": np.array([[bad]], dtype=object)})


PROBE = """
import json, sys
from pathlib import Path
import numpy as np
sys.dont_write_bytecode = True
folder, contents = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
sys.path.insert(0, str(folder))
from serving.release import Release
made = Release(folder).inputs(np.array([[text.encode()] for text in contents], dtype=object))
np.save(sys.argv[3], made)
"""


@pytest.mark.parametrize("kind", ["table", "text"])
def test_the_package_alone_makes_the_tensors_of_training(tmp_path: Path, kind: str) -> None:
    """In a Python that knows nothing of the product."""
    project = make(tmp_path, kind)
    form = project.data.content
    ready = fit(project, forms.decode(contents_of(project, 200, 3), form))
    contents = contents_of(project, 50, 4)
    folder = tmp_path / "models" / pack(tmp_path / "models", project, ready) / "1"
    (tmp_path / "contents.json").write_text(json.dumps([one.decode() for one in contents]), encoding="utf-8")
    command = [sys.executable, "-I", "-c", PROBE, str(folder), str(tmp_path / "contents.json"), str(tmp_path / "made.npy")]
    subprocess.run(command, check=True, timeout=60)
    assert np.load(tmp_path / "made.npy").tobytes() == ready(forms.decode(contents, form)).tobytes()
    assert json.loads((folder / "transforms.json").read_text(encoding="utf-8")) == ready.steps


def test_a_model_of_another_preprocessing_is_not_packed(tmp_path: Path) -> None:
    from include.release.errors import ReleaseError

    project = make(tmp_path, "text")
    ready = fit(project, np.array(["하나", "둘"], dtype=object))
    changed = project.model_copy(update={"transforms": [TransformStep(use="tokens")]})
    with pytest.raises(ReleaseError, match=r"trained with bag_of_words, tokens, and project\.yaml names tokens or other"):
        pack(tmp_path / "models", changed, ready)
    with pytest.raises(ReleaseError, match="trained with the preprocess component"):
        pack(tmp_path / "models", project, Preparation(project, None))


def test_every_transform_is_in_a_project_here() -> None:
    projects = [yaml.safe_load("data:\n" + text.strip("\n")) for text in KINDS.values()]
    assert {step["use"] for project in projects for step in project["transforms"]} == set(TRANSFORMS)
