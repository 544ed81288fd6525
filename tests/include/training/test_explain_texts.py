"""Words that matter, of networks that have no gradient to their inputs, of numbers, and without anybody's data."""

import numpy as np
import pytest

from include.projects import load_project
from include.reports import page
from include.training import explain_page, explain_texts
from include.training.explain import explain
from include.training.explain_parts import Clock, Explained
from include.training.learners import learner, predict
from include.training.parts import Arrays, prepare
from include.training.preparation import fit

SAYS = {"delivery": "where is my parcel", "refund": "환불 해 주세요 빨리", "account": "password of this login"}
SAYS |= {"product": "the kettle is broken", "praise": "정말 만족합니다 great"}


class Said:
    """A model that finds one word."""

    preparation = None

    def __init__(self, outputs):
        self.outputs = outputs

    def predict(self, inputs):
        return self.outputs(inputs)


@pytest.fixture
def support_tickets():
    return load_project("support_tickets")


@pytest.fixture
def reading(monkeypatch):
    """Let the inputs of a model be its texts."""
    monkeypatch.setattr(explain_texts, "predict", lambda fitted, project, texts: fitted.predict(texts))


def tickets(project):
    texts = np.array([SAYS[name] for name in project.classes] * 24, dtype=object)
    labels = np.array([*range(len(project.classes))] * 24)
    ready = fit(project, texts)
    return {name: prepare(project, texts, labels, name, preparation=ready) for name in ("train", "validation", "test")}


def test_a_network_over_the_numbers_of_terms_is_explained_by_words(building):
    project = building("support_tickets", explain=True)
    parts = tickets(project)
    fitted = learner(project, {}).fit(project, {"learning_rate": 0.005}, parts, 0, 8)
    fitted.preparation = parts["train"].preparation
    assert fitted.predict(parts["test"].inputs).argmax(1).tolist() == parts["test"].labels.tolist()
    found = explain(project, fitted, parts)
    assert found.notes == [] and found.told["method"].startswith("SHAP") and found.told["rows"] == 12
    meant = {one["name"]: one["for"] for one in found.told["importance"]}
    assert meant["환불"] == "refund" and meant["parcel"] == "delivery" and meant["password"] == "account"
    for one in found.told["texts"]:
        text, chosen = SAYS[one["answer"]], project.classes.index(one["answer"])
        assert " ".join(piece for piece, _ in one["pieces"]) == text
        full, empty = predict(fitted, project, np.array([text, "..."], dtype=object))[:, chosen]
        assert sum(value for _, value in one["pieces"]) == pytest.approx(full - empty, abs=1e-3)
    assert sum(name.startswith("LIME_row") for name in found.plots) == 3
    html = page("t", explain_page.section(found.told, found.plots))
    assert "환불" in html and "background:rgba(37, 99, 235" in html and "LIME row" in html and "SHAP importance" not in html


def test_numbers_of_texts_are_explained_too(building, reading):
    changes = {"task": "regression", "classes": [], "gate": {"metric": "mae"}, "tests": {}, "bias": None}
    tuning = {"trials": 1, "metric": "validation_loss", "space": {}}
    project = building("support_tickets", explain=True, tuning=tuning, **changes)
    count = Said(lambda texts: np.array([3.0 + 5 * ("broken" in text) for text in texts], np.float32))
    texts = np.array(["the kettle is broken again"] * 20, dtype=object)
    parts = {name: Arrays(texts, np.zeros((20, 4), np.float32), np.zeros(20), ["dev"] * 20) for name in ("train", "test")}
    found = explain(project, count, parts)
    assert found.notes == []
    top = found.told["importance"][0]
    assert top == {"name": "broken", "value": pytest.approx(5)} and found.told["texts"][0]["answer"] == "8"
    assert sum(name.startswith("LIME_row") for name in found.plots) == 3
    assert explain(project, count, parts) == found


def test_a_text_shows_nobodys_data(support_tickets, reading):
    called = Said(lambda texts: np.array([[0.1, "010-1234-5678" in text, 0, 0, 0] for text in texts], np.float32))
    found = Explained()
    texts = np.array(["please call 010-1234-5678 today", "call", "", "  "], dtype=object)
    explain_texts.explain(support_tickets, called, texts, np.arange(4), 4, found, Clock(60))
    assert "1234" not in str(found.told) and found.told["importance"][0]["name"] == "[PHONE]"
    assert [one["pieces"] for one in found.told["texts"]][2:] == [[], []]
    names, weights = explain_texts._lime(called.outputs, str(texts[0]), 1)
    assert not any("1234" in name for name in names) and len(names) == len(weights)


def test_a_long_text_is_taken_apart_into_few_pieces():
    text = " ".join(f"word{place}" for place in range(1050))
    spans = explain_texts._spans(text)
    assert len(spans) <= explain_texts.PIECES and " ".join(text[low:high] for low, high in spans) == text


def test_what_fails_is_a_note(support_tickets, reading):
    def broken(texts):
        raise RuntimeError("out of order\nat line 7")

    texts = np.array(["one two", "three"] * 6, dtype=object)
    parts = {name: Arrays(texts, np.zeros((12, 4), np.float32), np.zeros(12), ["dev"] * 12) for name in ("train", "test")}
    found = explain(support_tickets, Said(broken), parts)
    assert found.told == {} and found.plots == {}
    assert found.notes == ["no SHAP: RuntimeError: out of order", "no LIME: RuntimeError: out of order"]
    assert found.record() == {"explanation": {}, "unexplained": "; ".join(found.notes)}
