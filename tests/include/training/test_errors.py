import math

from include.training.errors import GateError


def test_a_gate_names_figures_and_what_is_missing():
    low = {"name": "accuracy", "value": 0.9, "limit": "at least 0.95", "ok": False}
    fine = {"name": "rmse", "value": 1.0, "limit": "at most 2", "ok": True}
    untested = {"name": "failed model tests", "value": math.nan, "limit": "0", "ok": False, "note": "none: run test_model"}
    both = str(GateError("digits v3", [low, fine, untested]))
    wanted = (
        "digits v3 is not confirmed: accuracy is 0.9000, wanted at least 0.95; failed model tests: none: run test_model. Train on"
    )
    assert both.startswith(wanted)
    # More data help nobody whose model is good and untested.
    assert str(GateError("digits v3", [fine, untested])).endswith("failed model tests: none: run test_model")
