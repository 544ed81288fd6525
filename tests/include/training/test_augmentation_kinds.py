"""What each augmentation does to pictures, windows and texts."""

import io
import unicodedata

import numpy as np
import pytest
from PIL import Image

from include.projects import load_project
from include.projects.augmentation import AugmentStep
from include.projects.content import ArrayContent, ImageContent
from include.training import augmentation_pictures as pictures
from include.training import augmentation_series as series
from include.training import augmentation_texts as texts
from include.training.augmentation import Augmenter
from include.training.errors import InputError

GREY = ArrayContent(shape=[12, 10], range=(0, 100), dtype="float32")
FILE = ImageContent(kind="image", formats=["png", "jpeg"])


def rng(seed=0):
    return np.random.default_rng(seed)


def vary(use, value, form=GREY, seed=0, **params):
    return pictures.step(use, AugmentStep(use=use, params=params).asked(), form)(value, rng(seed))


def scene():
    value = np.zeros((12, 10, 1))
    value[3:6, 2:5] = 80
    return value


@pytest.mark.parametrize("use", ["shift", "rotate", "flip", "crop", "noise", "brightness", "contrast", "cutout"])
def test_a_picture_keeps_shape_and_range_and_changes(use):
    value = scene()
    made = [vary(use, value, seed=seed) for seed in range(8)]
    assert all(one.shape == value.shape and one.min() >= -1e-9 and one.max() <= 100 for one in made)
    assert any(not np.array_equal(one, value) for one in made)
    assert np.array_equal(value, scene()), "what was given is left as it is"


def test_moves_are_what_their_names_say():
    value = scene()
    assert np.array_equal(vary("flip", value), value[:, ::-1])
    assert np.array_equal(vary("flip", value, axis="vertical"), value[::-1])

    def middle(one):
        rows, columns = np.indices(one.shape[:2])
        return np.array([(one[..., 0] * rows).sum(), (one[..., 0] * columns).sum()]) / one.sum()

    # The same draw moves the picture, and one wide enough keeps all its ink.
    wide = np.pad(value, ((30, 30), (30, 30), (0, 0)))
    drawn = rng(4).uniform(-0.1, 0.1, 2) * np.array(wide.shape[:2])
    assert np.allclose(middle(wide) - middle(vary("shift", wide, seed=4, most=0.1)), drawn, atol=1e-6)
    off = np.pad(value, ((10, 50), (10, 50), (0, 0)))
    turned, about = vary("rotate", off, seed=1, degrees=30), (np.array(off.shape[:2]) - 1) / 2
    assert turned.sum() == pytest.approx(off.sum(), rel=0.02)
    before, after = middle(off) - about, middle(turned) - about
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=0.01)
    angle = np.arccos(before @ after / np.linalg.norm(before) / np.linalg.norm(after))
    assert np.rad2deg(angle) == pytest.approx(abs(rng(1).uniform(-30, 30)), abs=0.5)
    assert vary("crop", wide, seed=2, least=0.5).sum() > wide.sum() * 1.01


def test_an_array_with_its_colours_first_is_moved_as_a_picture():
    form = ArrayContent(shape=[3, 6, 8], range=(0, 255), dtype="uint8")
    value = rng().integers(0, 256, (3, 6, 8)).astype(np.uint8)
    plane = pictures.plane(value, form)
    assert plane.shape == (6, 8, 3) and np.array_equal(pictures.as_array(plane, form), value)
    assert np.array_equal(pictures.as_array(vary("flip", plane, form), form), value[:, :, ::-1])
    assert pictures.as_array(vary("brightness", plane, form), form).dtype == np.uint8


def png(mode, size=(9, 7), exif=None):
    shape = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}.get(mode, ())
    points = rng(3).integers(0, 256, (size[1], size[0], *shape)).astype(np.uint8)
    image = Image.fromarray(points.astype(np.uint16) * 257 if mode == "I;16" else points)
    image = image.convert("P") if mode == "P" else image
    sink = io.BytesIO()
    image.save(sink, "PNG", **({"exif": exif} if exif else {}))
    return sink.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "P"])
def test_an_image_file_stays_one_of_its_mode(mode):
    content = png(mode)
    value = pictures.opened(content, FILE)
    assert value.shape[:2] == (7, 9) and value.max() <= 255
    same = Image.open(io.BytesIO(pictures.as_file(value, content, FILE)))
    assert same.mode == ("RGB" if mode == "P" else mode) and same.size == (9, 7)
    if mode != "P":
        assert np.array_equal(np.asarray(same), np.asarray(Image.open(io.BytesIO(content))))
    lit = vary("brightness", value, FILE, most=0.9)
    if mode in ("LA", "RGBA"):
        assert np.array_equal(lit[..., -1], value[..., -1]), "transparency is no colour"
    assert not np.array_equal(lit[..., 0], value[..., 0])


def test_an_image_file_keeps_how_it_is_turned_and_a_format_of_the_project():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = png("RGB", exif=exif.tobytes())
    made = Image.open(io.BytesIO(pictures.as_file(pictures.opened(content, FILE), content, FILE)))
    assert made.getexif()[0x0112] == 6 and made.format == "PNG"
    only = ImageContent(kind="image", formats=["jpeg"])
    sink = io.BytesIO()
    Image.open(io.BytesIO(content)).save(sink, "JPEG")
    photo = sink.getvalue()
    assert Image.open(io.BytesIO(pictures.as_file(pictures.opened(photo, only), photo, only))).format == "JPEG"


def bend(use, value, seed=0, **params):
    return series.step(use, AugmentStep(use=use, params=params).asked())(value, rng(seed))


def test_windows_are_bent_and_chosen_series_alone():
    time = np.arange(50.0)
    value = np.stack([np.sin(time / 5), time], -1)[..., np.newaxis]
    for use in ("jitter", "scale", "time_warp"):
        made = bend(use, value, series=[0])
        assert np.array_equal(made[:, 1], value[:, 1]) and not np.allclose(made[:, 0], value[:, 0])
    warped = bend("time_warp", value, strength=0.5)
    assert np.allclose(warped[[0, -1]], value[[0, -1]]) and (np.diff(warped[:, 1, 0]) > 0).all()
    scaled = bend("scale", value)
    assert scaled.mean(0) == pytest.approx(value.mean(0)) and not np.isclose(scaled.std(0), value.std(0)).any()


TEXT = "배송이 너무 늦어요, 환불 신청을 하고 싶어요. Order 15 is late!"


def change(use, text=TEXT, seed=0, project=None, **params):
    asked = AugmentStep(use=use, params=params).asked()
    return texts.step(project or load_project("support_tickets"), use, asked)(text, rng(seed))


@pytest.mark.parametrize("use", ["typo", "swap", "delete", "spacing", "random_case"])
def test_a_text_changes_and_stays_one(use):
    made = {change(use, seed=seed) for seed in range(10)}
    assert len(made) > 2 and TEXT not in made
    for odd in ("", " ", "가", "a", "😀😀", "ß", "İstanbul", "12 34"):
        assert isinstance(change(use, odd), str)


def test_a_slip_in_hangul_is_one_letter_of_a_syllable():
    for seed in range(30):
        made = change("typo", "안녕하세요", seed=seed, share=0.01)
        assert len(made) == 5 and all("가" <= one <= "힣" for one in made)
        differ = [(a, b) for a, b in zip("안녕하세요", made, strict=True) if a != b]
        assert len(differ) == 1
        first, second = (unicodedata.normalize("NFD", one) for one in differ[0])
        assert len(first) == len(second) and sum(a != b for a, b in zip(first, second, strict=True)) == 1
    assert set(texts._slips("가")) == {"사", "다", "거", "기"}
    assert set(texts._slips("q")) == {"w"} and set(texts._slips("W")) == {"Q", "E"}


def test_words_are_exchanged_left_out_and_run_together():
    assert sorted(change("swap").split()) == sorted(TEXT.split())
    assert len(change("delete", share=0.5).split()) == 5 and change("delete", "하나") == "하나"
    assert change("spacing", "아버지가 방에 들어가신다", share=1.0) == "아버지가방에들어가신다"
    assert change("random_case").lower() == TEXT.lower()


def test_a_synonym_takes_the_particle_that_fits():
    words = {"배송": ["택배"], "환불": ["반품", "취소"], "late": ["delayed"], "책": ["물"]}
    made = change("synonym", words=words, share=1.0)
    assert made.startswith("택배가 너무") and "is delayed!" in made and ("반품 신청을" in made or "취소 신청을" in made)
    assert change("synonym", "책으로 책을", words=words, share=1.0) == "물로 물을"
    assert change("synonym", "latest news", words=words) == "latest news"


def test_a_dictionary_of_the_project(tmp_path):
    (tmp_path / "support_tickets").mkdir()
    project = load_project("support_tickets").model_copy(update={"folder": tmp_path / "support_tickets"})
    file = project.folder / "낱말.csv"
    file.write_text("word,replacement\n배송,택배|배달\n", encoding="utf-8")
    assert change("synonym", project=project, file="낱말.csv", share=1.0).startswith(("택배가", "배달이"))
    file.write_text("단어,대체\n", encoding="utf-8")
    with pytest.raises(InputError, match="wanted word and replacement"):
        change("synonym", project=project, file="낱말.csv")
    with pytest.raises(InputError, match="cannot be read"):
        change("synonym", project=project, file="없음.csv")


def test_texts_and_windows_of_the_examples(building):
    tickets = building("support_tickets", augmentation=[{"use": "delete", "probability": 1.0, "params": {"share": 0.4}}])
    given = np.array([TEXT, "짧은 말"], dtype=object)
    made = Augmenter(tickets, 1)(given, [0, 1], 1)
    assert made[0] != TEXT and made[1] == "짧은 말", "a text too short to be an item stays as it was"
    windows = building("co2_levels", augmentation=[{"use": "jitter", "probability": 1.0, "params": {"series": [0]}}])
    value = np.linspace(310, 320, 48, dtype=np.float32).reshape(2, 12, 2)
    found = Augmenter(windows, 1)(value, [1], 1)
    assert found.shape == (1, 12, 2) and found.dtype == np.float32 and np.array_equal(found[0, :, 1], value[1, :, 1])
