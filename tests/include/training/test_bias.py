import numpy as np
import pytest

from include.training.bias import bias, figures
from include.training.errors import InputError
from include.training.gate import checks

LABELS = np.array([0, 1] * 40)
GROUPS = ["서울"] * 40 + ["Busan"] * 40


@pytest.fixture
def project(building):
    return building("breast_masses", bias={"by": ["laboratory"], "positive": "malignant", "min_rows": 10})


def test_a_model_that_favours_a_group_is_seen(project):
    guess = LABELS.copy()
    guess[40:][:20] = 0  # in Busan half of all are called benign whatever they are
    told = bias(project, LABELS, np.eye(2)[guess], {"laboratory": GROUPS})["laboratory"]
    groups = {row["group"]: row for row in told["groups"]}
    assert groups["서울"]["accuracy"] == 1 and groups["Busan"]["accuracy"] == 0.75 and groups["Busan"]["rows"] == 40
    assert groups["Busan"]["selection rate of malignant"] == 0.25
    assert told["measures"] == {
        "accuracy_difference": 0.25,
        "demographic_parity_difference": 0.25,
        "equalized_odds_difference": 0.5,
    }
    assert figures({"laboratory": told})["bias_laboratory_equalized_odds_difference"] == 0.5


def test_small_groups_are_told_and_not_compared(project):
    groups = ["서울"] * 37 + ["제주"] * 3 + ["Busan"] * 40
    told = bias(project, LABELS, np.eye(2)[LABELS], {"laboratory": groups})["laboratory"]
    assert told["small"] == ["제주 (3 rows)"] and len(told["groups"]) == 2
    alone = bias(project, LABELS, np.eye(2)[LABELS], {"laboratory": ["서울"] * 80})["laboratory"]
    assert alone["note"] == "fewer than two groups" and figures({"laboratory": alone}) == {}


def test_a_group_of_one_class_leaves_the_odds_unknown(project):
    labels = np.array([1] * 40 + [0, 1] * 20)
    told = bias(project, labels, np.eye(2)[labels], {"laboratory": GROUPS})["laboratory"]
    assert told["measures"]["equalized_odds_difference"] is None and told["measures"]["demographic_parity_difference"] == 0.5
    assert "bias_laboratory_equalized_odds_difference" not in figures({"laboratory": told})


def test_many_classes_are_looked_at_one_by_one(building):
    tickets = building("support_tickets", bias={"by": ["@group"]})
    labels = np.arange(100) % 5
    guess = labels.copy()
    guess[50:][labels[50:] == 2] = 0
    told = bias(tickets, labels, np.eye(5)[guess], {"group": ["a"] * 50 + ["나"] * 50})["group"]
    assert told["measures"]["demographic_parity_difference"] == pytest.approx(0.2)
    assert told["measures"]["equalized_odds_difference"] == 1.0
    assert bias(tickets, labels, np.eye(5)[guess], {})["group"]["note"] == "no item has a group"


def test_numbers_are_compared_by_their_error(building):
    project = building("co2_levels", bias={"by": ["@group"], "limits": {"mae_difference": 1}})
    labels = np.arange(40.0)
    outputs = labels + np.where(labels < 20, 1, 3)
    told = bias(project, labels, outputs, {"group": ["a"] * 20 + ["b"] * 20})["group"]
    assert told["measures"] == {"mae_difference": 2.0}


def test_more_bias_than_allowed_fails_the_gate(building):
    limits = {"equalized_odds_difference": 0.2}
    project = building("breast_masses", bias={"by": ["laboratory"], "positive": "malignant", "limits": limits})
    measured = {"roc_auc": 0.99, "baseline_roc_auc": 0.98, "tests_failed": 0, "code_errors": 0}
    for found, ok in ((0.2, True), (0.21, False)):
        made = checks(project, {**measured, "bias_laboratory_equalized_odds_difference": found})
        assert [(one["value"], one["limit"], one["ok"]) for one in made if "bias" in one["name"]] == [(found, "at most 0.2", ok)]
    with pytest.raises(InputError, match="no bias_laboratory_equalized_odds_difference: evaluate it first"):
        checks(project, measured)
