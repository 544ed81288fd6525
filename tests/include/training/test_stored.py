import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from include.settings import ROOT
from include.training.stored import stored

ROWS = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
SIDES = (ROWS[:, 0] > 0).astype(int)
MAKE = """
import sys
from sklearn.ensemble import RandomForestClassifier
from tests.include.training.test_stored import ROWS, SIDES
from include.training.stored import stored
held = [bytearray(n * 37) for n in range(int(sys.argv[1]))]  # other addresses
sys.stdout.buffer.write(stored(RandomForestClassifier(5, random_state=3).fit(ROWS, SIDES)))
"""


def read(content):
    import skops.io

    return skops.io.load(io.BytesIO(content), trusted=skops.io.get_untrusted_types(data=content))


def several():
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    yield make_pipeline(ColumnTransformer([("크기", StandardScaler(), [0, 1])]), SVC(probability=True, random_state=0))
    yield GradientBoostingClassifier(n_estimators=4, random_state=np.random.RandomState(7))
    yield HistGradientBoostingClassifier(max_iter=4, random_state=0)
    yield MLPClassifier((4,), max_iter=30, random_state=0, early_stopping=True)


@pytest.mark.filterwarnings("ignore")
def test_what_is_stored_is_what_was_fitted_and_stays_the_same():
    for fresh in several():
        fitted = fresh.fit(ROWS, SIDES)
        content = stored(fitted)
        again = read(content)
        np.testing.assert_array_equal(again.predict_proba(ROWS), fitted.predict_proba(ROWS))
        assert stored(fitted) == content
        with zipfile.ZipFile(io.BytesIO(content)) as kept:
            assert {one.date_time for one in kept.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert kept.namelist()[0] == "1.npy" and json.loads(kept.read("schema.json"))["__class__"] == type(fitted).__name__


def test_objects_that_were_one_are_one_again_and_a_dict_may_have_the_names_of_skops():
    same = np.arange(3.0)
    held = {"__loader__": "x", "__id__": 140_000, "file": "내 파일", "one": same, "two": same, "다른": np.arange(3.0)}
    again = read(stored(held))
    assert [again[name] for name in ("__loader__", "__id__", "file")] == ["x", 140_000, "내 파일"]
    assert again["one"] is again["two"] and again["one"] is not again["다른"]


def test_bytes_between_fields_do_not_count():
    form = np.dtype({"names": ["왼쪽", "b"], "formats": ["<i8", "u1"], "itemsize": 16})
    made = []
    for junk in (b"\x00", b"\xff"):
        rows = np.frombuffer(bytearray(junk * 32), dtype=form).copy()
        rows["왼쪽"], rows["b"] = [1, -2], [3, 4]
        made.append((rows, stored({"rows": rows})))
    assert made[0][0].tobytes() != made[1][0].tobytes() and made[0][1] == made[1][1]
    assert read(made[1][1])["rows"].tolist() == [(1, 3), (-2, 4)]


def test_two_processes_store_the_same_bytes():
    first, second = (
        subprocess.run([sys.executable, "-c", MAKE, number], cwd=ROOT, capture_output=True, check=True).stdout
        for number in ("0", "1000")
    )
    assert first and first == second
