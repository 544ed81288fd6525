import json
import subprocess
import sys

import numpy as np
import pytest

from include.training import transforms
from include.training.transforms import TRANSFORMS, terms, transform


def objects(*values):
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def test_scaling_learns_from_what_it_is_fitted_on_alone():
    state = TRANSFORMS["standard_scale"].fit(np.array([1.0, 3.0, np.nan]))
    assert state == {"mean": 2.0, "deviation": 1.0}
    assert TRANSFORMS["standard_scale"].apply(np.array([2.0, 12.0, np.nan]), state)[:, 0].tolist() == [0, 10, 0]
    assert TRANSFORMS["standard_scale"].fit(np.array([np.nan]))["deviation"] == 1
    assert TRANSFORMS["standard_scale"].fit(np.array([5.0, 5.0]))["deviation"] == 1


def test_ranks():
    state = TRANSFORMS["quantile_scale"].fit(np.arange(101.0))
    found = TRANSFORMS["quantile_scale"].apply(np.array([-5, 0, 50, 100, 1e9, np.nan]), state)[:, 0]
    assert found == pytest.approx([0, 0, 0.5, 1, 1, 0.5])


def test_values_that_were_never_seen_have_a_place():
    values = objects("서울", "부산", "서울", None, "제주")
    state = TRANSFORMS["one_hot"].fit(values, least=2)
    assert state["values"] == ["서울"]
    assert TRANSFORMS["one_hot"].apply(objects("서울", "광주", None), state).tolist() == [[1, 0], [0, 1], [0, 1]]
    assert TRANSFORMS["one_hot"].names("도시", state) == ["도시 = 서울", "도시 = other"]
    assert TRANSFORMS["missing"].apply(values, {})[:, 0].tolist() == [0, 0, 0, 1, 0]
    assert TRANSFORMS["missing"].apply(np.array([1, np.nan]), {})[:, 0].tolist() == [0, 1]


def test_korean_words_share_terms_whatever_their_ending_and_their_unicode_form():
    import unicodedata

    assert terms("배송이 Delayed, 배송은!") == ["배송", "송이", "delayed", "배송", "송은"]
    assert terms(unicodedata.normalize("NFD", "환불")) == terms("환불")
    assert terms(None) == terms("") == terms("!!!") == []


def test_bag_of_words_and_tokens():
    texts = objects("refund my order", "order late", "late late order", "")
    state = TRANSFORMS["bag_of_words"].fit(texts, features=10, least=2)
    assert state["terms"] == ["late", "order"]
    found = TRANSFORMS["bag_of_words"].apply(texts, state)
    assert np.allclose(np.linalg.norm(found, axis=1), [1, 1, 1, 0])
    state = TRANSFORMS["tokens"].fit(texts, length=4, vocabulary=2, shared=8)
    rows = TRANSFORMS["tokens"].apply(objects("order unknown late", None), state)
    assert rows.shape == (2, 4) and rows[1].tolist() == [0, 0, 0, 0]
    assert rows[0, 0] == 10 and 1 <= rows[0, 1] <= 8 and rows[0, 2] == 9 and rows[0, 3] == 0
    assert TRANSFORMS["bag_of_words"].apply(texts, TRANSFORMS["bag_of_words"].fit(objects(""), least=1)).shape == (4, 1)


def test_states_survive_json_and_columns_stand_side_by_side():
    values = {"나이": np.array([1.0, 3.0]), "city": objects("a", "b")}
    steps = [
        {"use": "standard_scale", "columns": ["나이"], "states": [TRANSFORMS["standard_scale"].fit(values["나이"])]},
        {"use": "one_hot", "columns": ["city"], "states": [TRANSFORMS["one_hot"].fit(values["city"])]},
    ]
    found = transform(values, json.loads(json.dumps(steps)))
    assert found.dtype == np.float32 and found.tolist() == [[-1, 1, 0, 0], [1, 0, 1, 0]]
    with pytest.raises(ValueError, match="no column 'city'"):
        transform({"나이": values["나이"]}, steps)


def test_every_transform_gives_a_name_to_each_feature():
    numbers, texts = np.array([1.0, 2.0, 4.0]), objects("a b", "b", "c b")
    for use, one in TRANSFORMS.items():
        values = numbers if use in ("standard_scale", "quantile_scale", "flat") else texts
        state = one.fit(values)
        assert len(one.names("x", state)) == one.apply(values, state).shape[1], use


def test_the_module_needs_nothing_but_numpy():
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("alone", {transforms.__file__!r})
module = importlib.util.module_from_spec(spec); sys.modules["alone"] = module; spec.loader.exec_module(module)
print([name for name in ("pandas", "torch", "sklearn", "include", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
