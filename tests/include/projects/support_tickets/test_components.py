"""Dictionary, tokens, preprocess, features and the refining step of the language project."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from include.data.items import Item
from include.projects.content import TextContent
from include.projects.support_tickets.features import NAMES, features
from include.projects.support_tickets.preprocess import preprocess
from include.projects.support_tickets.refine import without_signature
from include.projects.support_tickets.tokens import Token, dictionary, tokens


def texts(*given: str) -> np.ndarray:
    return np.array(given, dtype=object)


def test_the_dictionary_is_read() -> None:
    words = dictionary()
    assert len(words) > 200 and words["배송"] == "noun" and words["refund"] == "noun"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("word\n배송\n", "wanted word and tag"),
        ("", "wanted word and tag"),
        ("word,tag\n배송,noun\n배송,verb\n", "line 3: '배송' is there twice"),
        (unicodedata.normalize("NFD", "word,tag\n배송,noun\n") + "배송,verb\n", "line 3"),
        ("word,tag\n,noun\n", "line 2"),
        ("word,tag\n배송\n", "line 2"),
    ],
)
def test_a_dictionary_that_is_none(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        dictionary(tmp_path / "words.csv")


def test_particles_come_off_korean_words() -> None:
    assert tokens("배송이 늦어요, 택배를!") == [
        Token("배송", "noun"), Token("이", "particle"), Token("늦어요", None), Token(",", None),
        Token("택배", "noun"), Token("를", "particle"), Token("!", None),
    ]  # fmt: skip


def test_any_form_and_case_gives_the_same() -> None:
    text = "환불 Refund 배송지로 user1@example.com 😀"
    assert tokens(text) == tokens(unicodedata.normalize("NFD", text)) == tokens(text.upper())
    assert tokens("") == tokens(" \n\t") == []
    assert tokens("12,900원") == [Token("12,900", None), Token("원", None)]
    assert tokens("로그인이요", {"로그인": "noun"}) == [Token("로그인", "noun"), Token("이요", None)]


def test_long_texts_take_no_time() -> None:
    assert len(tokens("가" * 2000 + " a" * 20_000)) == 20_001


def test_preprocess_counts_words() -> None:
    out = preprocess(texts("배송 배송이", "refund", "😀"))
    places = {word: place for place, word in enumerate(dictionary())}
    assert out.shape == (3, len(places)) and out.dtype == np.float32
    assert out[0, places["배송"]] == pytest.approx(np.log(3)) and out[0, places["이"]] == pytest.approx(np.log(2))
    assert np.flatnonzero(out[1]).tolist() == [places["refund"]] and not out[2].any()
    assert preprocess(texts()).shape == (0, len(places))


def test_features() -> None:
    names, out = features(texts("배송 배송?\n12", "", unicodedata.normalize("NFD", "배송")))
    one = dict(zip(names, out[0], strict=True))
    assert names == NAMES and out.shape == (3, len(NAMES)) and np.isfinite(out).all()
    assert one["characters"] == 9 and one["questions"] == 1 and one["lines"] == 2 and one["hangul"] == pytest.approx(4 / 9)
    assert out[2, names.index("hangul")] == 1 and features(texts())[1].shape == (0, len(NAMES))


@pytest.mark.parametrize("bad", [np.array([[1]]), np.array([1, 2]), np.array([b"a"], dtype=object), np.array([None])])
def test_what_is_no_text_is_refused(bad: np.ndarray) -> None:
    for component in (preprocess, features):
        with pytest.raises(ValueError, match="wanted"):
            component(bad)


def test_signatures_go() -> None:
    form = TextContent(kind="text", min_chars=3)
    said = ["환불해 주세요 -- 내 휴대폰에서 보냄", "refund -- Sent from my phone", " -- Sent from my phone", "a -- b and more"]
    items = [Item(str(n), one.encode(), None, None, "x") for n, one in enumerate(said)]
    found = [item.content.decode() for item in without_signature(items, form)]
    assert found == ["환불해 주세요", "refund", "a -- b and more"]
