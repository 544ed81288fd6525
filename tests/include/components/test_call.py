"""What a component may do wrong, and what is said then."""

from __future__ import annotations

import numpy as np
import pytest

from include.components import values
from include.components.call import call
from include.components.errors import StepError, StepFailed
from include.components.graph import components
from include.components.types import TensorType

ROWS = np.ones((3, 2), np.float32)
MEMORY = "256Mi"


@pytest.fixture
def act(with_steps, steps):
    """Return a function that runs one sample with a way to go wrong."""

    def run(how, rows=ROWS, use="samples:act", **step):
        params = {"how": how, "note": "성별"} if use == "samples:act" else how
        step = {"use": use, "inputs": {"rows": "first.rows"}, "params": params, **step}
        used = {"rows": {"use": "samples:mean", "inputs": {"rows": "bad.rows"}}} if use == "samples:act" else {}
        more = {"first": {"use": "samples:rows", "inputs": {"items": "data.train"}}, "bad": step, **used}
        unused = {} if used else {"unused": ["left", "right"]}
        more["bad"] |= unused
        if not used:
            more["bad"]["inputs"] = {"rows": "first.rows"}
            more["end"] = {"use": "samples:same", "inputs": {"left": "first.rows", "right": "first.rows"}}
            more["bad"].pop("unused")
            more["tail"] = {"use": "balance@1", "inputs": {"rows": "bad.left", "labels": "bad.right"}}
            more["forest"] = {
                **steps["forest"],
                "inputs": {**steps["forest"]["inputs"], "train": "tail.rows", "train_labels": "tail.labels"},
            }
            more["prepare"] = {**steps["prepare"], "unused": ["train"]}
            project = with_steps(more)
        else:
            project = with_steps({**steps, **more})
        return call(project, "bad", components(project)["bad"], {"rows": rows}, 0, print)

    return run


def test_outputs_are_files(act):
    made = act("right")
    assert set(made) == {"rows"} and np.array_equal(values.load(TensorType(), made["rows"], None), ROWS)
    assert set(act({}, use="samples:Pair")) == {"left", "right"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", r"ValueError: 열 '성별' 이 없다 \(samples.py, line \d+\)"),
        ("exit", "ended the process with 0: a component returns or raises"),
        ("type", "output rows is str, wanted a numpy array"),
        ("list", "output rows is list, wanted a numpy array"),
        ("none", "output rows is None, wanted Tensor"),
        ("dict", "output rows is dict, wanted a numpy array"),
        ("shape", r"output rows has the shape \(3, 4\), wanted \(n, 2\)"),
        ("dtype", "output rows has the dtype float64, wanted float32"),
        ("nan", r"output rows holds 1 values that are NaN or infinite, the first at \(0, 1\)"),
    ],
)
def test_what_breaks_its_contract_is_final(act, how, said):
    with pytest.raises(StepError, match=rf"step bad \(samples:act\): .*{said}"):
        act(how)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"forget": True}, "returned no output right, which it declares; it returned 'left'"),
        ({"more": True}, "returned 'top', which it does not declare; add it to outputs"),
    ],
)
def test_outputs_are_those_that_are_declared(act, params, said):
    with pytest.raises(StepError, match=said):
        act(params, use="samples:Pair")


@pytest.mark.parametrize(
    ("rows", "said"),
    [(np.ones((3, 2)), "input rows has the dtype float64"), (np.full((3, 2), np.nan, np.float32), "input rows holds 6 values")],
)
def test_an_input_that_does_not_fit_is_refused_before_the_component_runs(act, rows, said):
    with pytest.raises(StepError, match=said):
        act("right", rows)


def test_a_full_disk_may_be_tried_again(act):
    with pytest.raises(StepFailed, match="No space left on device"):
        act("disk")


def test_a_huge_output_is_refused(act):
    rows = np.ones((400_000, 2), np.float32)
    with pytest.raises(StepError, match="its outputs take 3 MB, more than the 1 MB of max_output_mb: give back less"):
        act("huge", rows, max_output_mb=1)
    assert act("huge", rows, max_output_mb=4)


def test_a_step_that_eats_memory_is_stopped_and_the_process_lives(act):
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(StepFailed, match=r"step bad \(samples:act\): needs more than its limit of 256Mi .*give the step more"):
        act("eat", memory=MEMORY)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert act("right", memory=MEMORY)


def test_sizes_of_one_name_must_agree(with_steps, steps):
    more = {name: {"use": "samples:rows", "inputs": {"items": "data.train"}} for name in ("one", "two")}
    more["same"] = {"use": "samples:same", "inputs": {"left": "one.rows", "right": "two.rows"}}
    project = with_steps({**steps, **more})
    with pytest.raises(StepError, match=r"input right has the shape \(4, 2\), wanted \(n, 2\), where n is 3 elsewhere"):
        call(project, "same", components(project)["same"], {"left": ROWS, "right": np.ones((4, 2), np.float32)}, 0, print)
