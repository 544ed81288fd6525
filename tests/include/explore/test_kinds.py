"""Texts, pictures, sounds and series, each looked at in its own way."""

import io
import wave

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from include.explore import counting, pictures, preparing, sounds, texts, windows
from include.explore.book import Book
from include.explore.measuring import kind_of, measure
from include.explore.reading import Counts, Drawn
from include.projects import Project, load_project
from include.projects.content import AudioContent, ImageContent
from include.reports import page
from include.training import InputError


def drawn(contents, labels, days=None, train=None):
    import pandas as pd

    count = len(contents)
    times = pd.to_datetime(days if days is not None else ["2026-01-05"] * count, utc=True)
    rows = {"item_id": [f"{n:064x}" for n in range(count)], "key": [f"열쇠 {n}" for n in range(count)], "label": labels}
    table = pa.table({**rows, "taken_at": pa.array(times, pa.timestamp("us", "UTC")), "source": ["sql:시험"] * count})
    counts = Counts(count, sum(one is not None for one in labels))
    return Drawn({"version": "v1", "zone": "dev"}, "whole", None, counts, table, contents, train)


def objects(values):
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def test_texts(building):
    project = building("support_tickets")
    said = ["환불 주세요 a@b.co.kr", "환불 언제 되나요", "환불 부탁", "the parcel is late", "   "]
    sample = drawn(objects(said), ["refund", "refund", "refund", "delivery", None])
    found = measure(project, sample, parted=("words", str.split))
    assert found.frame["characters"].tolist() == [len(one) for one in said] and found.frame["tokens"].tolist() == [3, 3, 2, 4, 0]
    assert found.frame["main script"].tolist() == ["Latin", "Hangul", "Hangul", "Latin", "none"]
    assert found.frame["Hangul share"][1] == 1 and found.frame["Hangul share"][3] == 0
    book = Book()
    texts.tell(book, project, sample, found)
    facts = book.facts["texts"]
    assert facts["empty"] == 1 and facts["personal"] == {"email": 1} and facts["vocabulary"] == 10
    assert facts["frequent"]["refund"] == {"환불": 3}, "what fewer than three texts hold may tell about somebody"
    html = page("t", book.sections)
    assert "a@b.co.kr" not in html and "[EMAIL]" in html and "열쇠 3" in html
    with pytest.raises(InputError, match="columns are for rows of a table"):
        measure(project, sample, ["x"])


def test_tokens_are_those_of_the_project(place, monkeypatch):
    there = place("support_tickets")
    monkeypatch.setattr(texts.dictionaries, "list_dictionaries", lambda *_: [])
    name, tokens = texts.tokens_of(there.settings, there.project, "dev")
    assert name == "the project's tokens component" and "환불" in tokens("환불을 원해요")
    name, tokens = texts.tokens_of(there.settings, load_project("digits"), "dev")
    assert name.startswith("words") and tokens("Hello 안녕하세요") == ["hello", "안녕", "녕하", "하세", "세요"]


def png(colour, size=(20, 10)):
    sink = io.BytesIO()
    Image.new("RGB", size, colour).save(sink, "PNG")
    return sink.getvalue()


def test_pictures():
    form = ImageContent(kind="image", formats=["png"])
    found = pictures.measure(form, [png("white"), png("black", (10, 40))])
    assert found.frame["width"].tolist() == [20, 10] and found.frame["sides"].tolist() == [2.0, 0.25]
    assert found.frame["brightness"].tolist() == pytest.approx([1, 0]) and found.frame["contrast"].max() < 1e-6
    made = Image.open(io.BytesIO(pictures.sheet([png("red"), png("blue"), b"no picture"], form, across=2, side=32)))
    assert made.size == (2 * 36, 36) and made.getpixel((10, 5)) == (255, 0, 0)
    assert pictures.sheet([b"no"], form) is None


def test_a_picture_of_every_class_is_on_the_sheets(building):
    project = building("digits")
    contents = np.random.default_rng(0).integers(0, 17, (30, 8, 8)).astype(np.uint8)
    sample = drawn(contents, [*(str(n % 3) for n in range(29)), None])
    book = Book()
    pictures.tell(book, project, sample, measure(project, sample))
    assert sorted(book.plots) == ["mean", "sheet_00", "sheet_01", "sheet_02", "sheet_03"]
    assert "without label: 1 in the sample" in page("t", book.sections)


def sound(seconds=0.5, amplitude=0.5, rate=8000):
    samples = (amplitude * 32767 * np.sin(np.arange(int(seconds * rate)) * 440 * 2 * np.pi / rate)).astype("<i2")
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return sink.getvalue()


def test_sounds(building):
    form = AudioContent(kind="audio")
    found = sounds.measure(form, [sound(), sound(1.0, 0.05)])
    assert found.frame["seconds"].tolist() == [0.5, 1.0] and found.frame["rate"].tolist() == [8000, 8000]
    assert found.frame["loudness"].tolist() == pytest.approx(
        [20 * np.log10(0.5 / np.sqrt(2)), 20 * np.log10(0.05 / np.sqrt(2))], abs=0.1
    )
    assert found.frame["peak"][0] == pytest.approx(20 * np.log10(0.5), abs=0.1)
    raw = load_project("digits").model_dump(exclude_unset=True, exclude={"training"})
    project = Project(**{**raw, "data": {**raw["data"], "content": {"kind": "audio"}}})
    assert kind_of(project) == "sound"
    book = Book()
    sounds.tell(book, project, drawn(objects([sound(), sound(1.0)]), ["1", "2"]), found)
    assert "waves" in book.plots and "8,000 Hz, 1 channels" in page("t", book.sections)


def test_a_season_and_a_trend_are_found():
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=400, freq="D", tz="UTC")
    values = np.arange(400) * 0.05 + 3 * np.sin(2 * np.pi * np.arange(400) / 7)
    line = windows.evened(pd.Series(days), pd.Series(values))
    assert len(line) == 400 and windows.season(line.to_numpy())[0] % 7 == 0
    _, told = windows._apart("값", line, 7)
    assert told["trend"] > 0.95 and told["seasonal"] > 0.95
    noise = np.random.default_rng(0).normal(size=400)
    assert windows.season(noise)[0] is None


def test_windows_over_time_with_gaps(building):
    import pandas as pd

    project = building("co2_levels")
    days = [d for n, d in enumerate(pd.date_range("2020-01-06", periods=120, freq="W")) if n not in (40, 41, 42)]
    contents = np.random.default_rng(0).normal(320, 2, (117, 12, 2)).astype(np.float32)
    sample = drawn(contents, [str(320 + n * 0.1) for n in range(117)], days)
    found = measure(project, sample)
    assert {"mean 0", "slope 1"} <= set(found.frame) and kind_of(project) == "window"
    assert found.frame["last 1"].tolist() == pytest.approx(contents[:, -1, 1].tolist())
    book = Book()
    windows.over_time(book, project, sample, found)
    counting.tell(book, project, sample)
    assert book.facts["gaps"]["gaps"] == 1 and book.facts["series"]["label"]["trend"] > 0.99
    assert book.metrics["label_mean"] == pytest.approx(320 + 58 * 0.1) and "labels" in book.plots


def test_inputs_are_fitted_on_the_training_part_alone(building):
    import pandas as pd

    project = building("breast_masses", transforms=[{"use": "standard_scale", "columns": ["radius"]}])
    frame = pd.DataFrame({name: [10.0, 12.0, 500.0] for name in project.data.content.columns})
    sample = drawn(frame, ["benign"] * 3, train=np.array([True, True, False]))
    book = Book()
    preparing.features(book, project, sample)
    assert book.facts["inputs"]["fitted_on"] == 2 and book.facts["inputs"]["greatest"] == pytest.approx(1)
    assert {"inputs", "inputs_before"} <= set(book.plots) and "items of the training part" in page("t", book.sections)


def test_augmentation_is_shown_and_changes_no_item(building):
    steps = [{"use": "rotate", "probability": 1.0}]
    project = building("digits", augmentation=steps)
    contents = np.random.default_rng(0).integers(0, 17, (12, 8, 8)).astype(np.uint8)
    before = contents.tobytes()
    book = Book()
    preparing.augmented(book, project, drawn(contents, ["1"] * 12))
    assert contents.tobytes() == before and Image.open(io.BytesIO(book.plots["augmentation"])).size == (5 * 68, 8 * 68)
    tickets = building("support_tickets", augmentation=[{"use": "swap", "probability": 1.0}])
    book = Book()
    preparing.augmented(book, tickets, drawn(objects(["배송이 너무 늦어요 정말"] * 3), ["delivery"] * 3))
    assert "epoch 4" in page("t", book.sections) and book.facts["augmentation"]["steps"][0]["use"] == "swap"
    book = Book()
    preparing.augmented(book, building("digits"), drawn(contents, ["1"] * 12))
    assert not book.sections
