from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from include.clients import onnx as onnx_model
from include.clients.triton import TritonClient, TritonError
from include.projects import Project
from include.release.package import build_package
from include.release.parity import Answers, compare, triton_answers
from tests.include.release.conftest import POSTPROCESS, functions, make_project

MODEL = {"name": "digits", "version": "1", "run_id": "r", "data": {}}
FP32: dict[str, Any] = {"precision": "fp32", "model": MODEL, "reference_sketch": b"{}"}


def answers(rows: int = 20, seed: int = 0) -> Answers:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(10), rows).astype(np.float32)
    return Answers(probabilities.argmax(axis=1), probabilities)


def shifted(base: Answers, row: int, amount: float) -> Answers:
    probabilities = base.probabilities.copy()
    probabilities[row, 0] += amount
    return Answers(base.labels, probabilities)


def judge(precision: str = "fp32", **other: Answers) -> dict[str, Any]:
    base = answers()
    return compare({"trained": base, "fp32": base, "chosen": base, "triton": base, **other}, base.labels, precision, 1e-3, 0.05)


def test_equal_answers_pass() -> None:
    report = judge()
    assert report["ok"] and report["accuracy"] == dict.fromkeys(("trained", "fp32", "chosen", "triton"), 1.0)
    assert all(p["max_abs_diff"] == 0 and p["label_agreement"] == 1 for p in report["pairs"].values())


def test_one_changed_probability_of_one_row_is_found() -> None:
    assert judge(fp32=shifted(answers(), 13, 5e-4))["ok"]
    report = judge(fp32=shifted(answers(), 13, 2e-3))
    assert not report["ok"] and "trained and fp32: probabilities differ by up to 0.002, allowed 0.001" in report["problems"][0]
    report = judge(triton=shifted(answers(), 19, 1e-4))
    assert report["problems"] == ["chosen and triton: probabilities differ by up to 0.0001, allowed 1e-05"]


def test_quantised_labels_may_differ_a_little_and_no_more() -> None:
    def changed(n: int) -> Answers:
        base = answers()
        labels, probabilities = base.labels.copy(), base.probabilities.copy()
        for i in range(n):
            labels[i] = (labels[i] + 1) % 10
            probabilities[i] = np.eye(10)[labels[i]]
        return Answers(labels, probabilities)

    one = changed(1)
    assert judge("int8", chosen=one, triton=one)["ok"]
    two = changed(2)
    report = judge("int8", chosen=two, triton=two)
    assert len(report["problems"]) == 1
    assert "0.9000 of the labels agree, wanted 0.95; they differ first in rows [0, 1]" in report["problems"][0]


def test_values_that_are_no_numbers_do_not_pass() -> None:
    report = judge(triton=shifted(answers(), 3, np.nan))
    assert not report["ok"] and report["pairs"]["chosen_triton"]["max_abs_diff"] == 1e9


def test_a_tie_may_go_either_way() -> None:
    probabilities = np.full((1, 10), 0.1, np.float32)
    one, other = Answers(np.array([2]), probabilities), Answers(np.array([7]), probabilities)
    report = compare({"trained": one, "fp32": other, "chosen": one, "triton": one}, np.array([2]), "fp32", 1e-3, 0.0)
    assert report["ok"]


@pytest.fixture(scope="module")
def packaged(triton_server: Any, digits_project: Project, trained: Any, tmp_path_factory: Any) -> dict[str, bytes]:
    """Both ONNX forms of the trained network, packaged as digits-r9001 (fp32) and digits-r9002 (int8)."""
    folder = tmp_path_factory.mktemp("int8")
    (folder / "fp32.onnx").write_bytes(trained.onnx)
    onnx_model.quantise(folder / "fp32.onnx", trained.calibration, folder / "int8.onnx")
    files = {"digits-r9001": trained.onnx, "digits-r9002": (folder / "int8.onnx").read_bytes()}
    for (name, content), precision in zip(files.items(), ("fp32", "int8"), strict=True):
        build_package(
            triton_server.repository,
            digits_project,
            name,
            onnx=content,
            **{**FP32, "precision": precision},
        )
    return files


@pytest.mark.integration
@pytest.mark.parametrize("name", ["digits-r9001", "digits-r9002"])
def test_every_value_from_triton_is_that_of_the_same_file_in_this_process(
    triton_server: Any, packaged: dict[str, bytes], digits_project: Project, trained: Any, name: str
) -> None:
    preprocess, postprocess = functions(digits_project)
    wanted = Answers.of(postprocess(onnx_model.run(onnx_model.session(packaged[name]), preprocess(trained.contents))))
    with TritonClient(triton_server.settings()) as client:
        client.load(name)
        found = triton_answers(client, name, trained.contents.astype(np.float32))
        for _ in range(100):  # the last batch is counted just after its answer is sent
            if (calls := client.statistics(name))["inference_count"] == 500:
                break
            time.sleep(0.02)
    assert found.labels.shape == (500,) and found.probabilities.shape == (500, 10)
    assert found.labels.dtype == np.int32 and found.probabilities.dtype == np.float32
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.probabilities, wanted.probabilities, rtol=0, atol=1e-5)
    assert len(np.unique(found.probabilities, axis=0)) > 490  # not the same few values over and over
    assert calls["inference_count"] == 500 and calls["fail"] == 0


@pytest.mark.integration
def test_requests_batched_together_get_their_own_answers_and_a_bad_one_fails_alone(
    triton_server: Any, digits_project: Project, trained: Any, tmp_path: Any
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    # Refuses the whole batch that holds the bad row, as inference code does that raises.
    strict = (
        "import time\nimport numpy as np\n\n\ndef preprocess(images):\n    time.sleep(0.01)\n"
        "    if np.asarray(images).max() > 16:\n        raise ValueError('값이 16을 넘습니다')\n"
        "    return (np.asarray(images, dtype=np.float32) / 16)[:, None]\n"
    )
    project = make_project(tmp_path, preprocess=strict)
    build_package(triton_server.repository, project, "digits-r9003", onnx=trained.onnx, **FP32)
    bad = set(range(5, 300, 37))
    contents = trained.contents[:300].astype(np.float32)
    for i in bad:
        contents[i, 0, 0] = 99
    with TritonClient(triton_server.settings()) as client:
        client.load("digits-r9003")

        def ask(i: int) -> Any:
            try:
                return client.infer("digits-r9003", {"INPUT": contents[i : i + 1]}, timeout=20)
            except TritonError as error:
                return error

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(ask, range(300)))
        executions = client.statistics("digits-r9003")["execution_count"]
    assert executions < 250  # Triton did put requests together
    assert {i for i, a in enumerate(found) if isinstance(a, TritonError)} == bad
    assert all("값이 16을 넘습니다" in str(found[i]) for i in bad)
    preprocess, postprocess = functions(digits_project)
    wanted = postprocess(onnx_model.run(onnx_model.session(trained.onnx), preprocess(trained.contents[:300])))
    for i in set(range(300)) - bad:
        np.testing.assert_allclose(found[i]["PROBABILITIES"][0], wanted["PROBABILITIES"][i], rtol=0, atol=1e-5)
        assert found[i]["LABEL"][0, 0] == wanted["LABEL"][i, 0]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("import nothing_like_this\n", "nothing_like_this"),
        (
            "def postprocess(logits):\n    return {'LABEL': logits, 'PROBABILITIES': logits}\n",
            "postprocess gave no usable answer",
        ),
        (POSTPROCESS.replace("(powers / ", "(np.nan * powers / "), "postprocess gave no usable answer .* not finite"),
    ],
)
def test_wrong_inference_code_is_an_error_that_names_it(
    triton_server: Any, trained: Any, tmp_path: Any, fault: str, message: str
) -> None:
    name = f"digits-r91{len(fault):03d}"
    project = make_project(tmp_path, postprocess=fault)
    build_package(triton_server.repository, project, name, onnx=trained.onnx, **FP32)
    with TritonClient(triton_server.settings()) as client, pytest.raises(TritonError, match=message):
        client.load(name)
        client.infer(name, {"INPUT": trained.contents[:3].astype(np.float32)})


@pytest.mark.integration
def test_a_package_whose_model_was_exchanged_does_not_load(triton_server: Any, digits_project: Project, trained: Any) -> None:
    folder = build_package(
        triton_server.repository,
        digits_project,
        "digits-r9004",
        onnx=trained.onnx,
        **FP32,
    )
    path = folder / "1" / "model.onnx"
    path.chmod(0o644)
    path.write_bytes(trained.onnx + b"\0")
    with TritonClient(triton_server.settings()) as client, pytest.raises(TritonError, match=r"not the file that"):
        client.load("digits-r9004")
