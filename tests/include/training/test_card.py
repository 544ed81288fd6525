import json
import re

import pytest

from include.clients.mlflow import mlflow_client, read_file
from include.ledger import Ledger, digest
from include.reports.links import mlflow_run_url
from include.training.card import model_card
from include.training.confirm import confirm
from include.training.download import download
from include.training.errors import InputError
from include.training.evaluate import evaluate
from include.training.models import model_info
from include.training.register import register
from include.training.train import train
from tests.include.training.registry import own_project
from tests.include.training.registry import version as registered

pytestmark = pytest.mark.integration


@pytest.fixture
def version(settings, digits, served, split, params) -> str:
    Ledger(settings.ledger()).migrate()
    made = train(settings, digits, split, params, epochs=3, author="민지")
    evaluate(settings, digits, split, made["run_id"])
    return register(settings, digits, made["run_id"])["version"]


def test_the_card_holds_what_the_records_hold(settings, digits, version):
    said = digits.card.model_copy(update={"not_for": "<script>alert(1)</script> | 금액"})
    card = model_card(settings, digits.model_copy(update={"card": said}), version)
    assert "<script>" not in card["html"] and "&lt;script&gt;" in card["html"]
    assert "민지" in card["html"] and "accuracy" in card["markdown"] and "\\| 금액" in card["markdown"]
    assert "the data server does not tell" in card["markdown"]  # none runs here: the rest still shows
    assert "it was never released" in card["markdown"] and "95 % interval" in card["markdown"]
    assert "training.bias of project.yaml names them" in card["markdown"]
    assert "explanations were not asked for" in card["markdown"] and card["html"].count("<img") == 3
    client = mlflow_client(settings)
    assert (
        "| confirmed | no: nobody has decided about it |" in card["markdown"] and "training by 민지: registered" in card["html"]
    )
    run = mlflow_run_url(settings, client.get_run(card["run_id"]).info.experiment_id, card["run_id"])
    assert f"| training run | [{card['run_id']}]({run}) |" in card["markdown"] and f'<a href="{run}">' in card["html"]
    assert read_file(client, card["run_id"], "card.html").decode() == card["html"]
    assert read_file(client, card["run_id"], "card.md").decode() == card["markdown"]


def test_the_card_tells_who_confirmed_and_who_approved(settings):
    project, ledger = own_project(), Ledger(settings.ledger())
    number = registered(settings, project)
    confirm(settings, project, number, "지은", "기준선보다 낫다")
    release = ledger.open_release(project.name, "key", ["민지"], {"name": project.name, "version": number})
    ledger.seal_release(release.id, {"a": 1})
    ledger.record_approval(release.id, digest({"a": 1}), "approve_model", "approved", "승인자", "좋다", {}, 1)
    card = model_card(settings, project, number)
    assert "| by | 지은 |" in card["markdown"] and "| why | 기준선보다 낫다 |" in card["markdown"]
    assert "| gate | passed |" in card["markdown"] and "by rule: the gate of project.yaml alone" in card["html"]
    assert re.search(r"approve_model \| approved by 승인자 at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: 좋다 \|", card["markdown"])


def test_the_card_tells_of_bias_and_explanations(settings, digits, version):
    client, run_id = mlflow_client(settings), model_info(settings, digits, version)["run_id"]
    evaluation = json.loads(read_file(client, run_id, "evaluation/evaluation.json"))
    groups = [{"group": "서울", "rows": 1200, "accuracy": 0.91}, {"group": "부산", "rows": 40, "accuracy": 0.7}]
    measures = {"accuracy_difference": 0.21, "equalized_odds_difference": None}
    evaluation["bias"] = {"병원": {"groups": groups, "measures": measures, "small": ["제주 (3 rows)"], "note": ""}}
    importance = [{"name": f"input {n}", "value": 1 / n} for n in range(1, 30)]
    evaluation["explanation"] = {"method": "SHAP GradientExplainer", "rows": 30, "importance": importance}
    evaluation["explanation"]["notes"] = ["no LIME: RuntimeError: 안 됨"]
    client.log_dict(run_id, evaluation, "evaluation/evaluation.json")
    said = model_card(settings, digits, version)["markdown"]
    assert "| 병원: accuracy_difference | 0.21 |" in said and "| 병원: equalized_odds_difference | unknown |" in said
    assert "| 병원 = 부산 | accuracy 0.7, 40 rows |" in said and "제주 (3 rows)" in said
    assert "SHAP GradientExplainer over 30 rows" in said and "input 10 0.1" in said and "input 11 " not in said
    assert "| missing | no LIME: RuntimeError: 안 됨 |" in said


def test_a_model_is_downloaded_whole_or_not_at_all(settings, digits, version, tmp_path):
    import hashlib

    found = download(settings, digits, version, tmp_path / "모델")
    assert {"state_dict.pt", "params.json", "model.json"} <= set(found["files"])
    for name, wanted in found["files"].items():
        assert hashlib.sha256((tmp_path / "모델" / name).read_bytes()).hexdigest() == wanted
    with pytest.raises(InputError, match="not an empty folder"):
        download(settings, digits, version, tmp_path / "모델")
    with pytest.raises(InputError, match="no model version"):
        download(settings, digits, "v99", tmp_path / "other")
    assert not (tmp_path / "other").exists()
