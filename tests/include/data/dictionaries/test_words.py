"""Entries and tokens: Korean and English, longest first, nothing lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.data.dictionaries import Dictionary, DictionaryError, Entry
from include.data.dictionaries.entries import collected, digest

WORDS = [
    *("데이터", "데이터베이스", "모델", "인공 지능", "cat", "AI"),
    {"word": "컴터", "tag": "NNG", "replacement": "컴퓨터"},
    {"word": "배", "tag": "과일", "weight": 1},
    {"word": "배", "tag": "탈것", "weight": "3.5"},
]


def made(words: list = WORDS) -> Dictionary:
    return Dictionary("words", "v1", collected(words, "refuse", "here").entries)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("데이터를 모은다", ["데이터", "를", "모은다"]),
        ("데이터베이스와 데이터", ["데이터베이스", "와", "데이터"]),
        ("인공 지능의 시대", ["인공 지능", "의", "시대"]),
        ("컴터가 느리다!", ["컴퓨터", "가", "느리다", "!"]),
        ("a cat in a category", ["a", "cat", "in", "a", "category"]),
        ("cats, cat2 and cat-food", ["cats", ",", "cat2", "and", "cat", "-", "food"]),
        ("AI모델 v2", ["AI", "모델", "v2"]),
        ("", []),
        (" \t\n", []),
        ("😀데이터😀", ["😀", "데이터", "😀"]),
    ],
)
def test_the_longest_word_that_fits(text: str, tokens: list[str]) -> None:
    assert made().texts(text) == tokens


def test_a_token_says_where_it_is_and_what_is_known() -> None:
    first, second = made().tokenise(unicodedata.normalize("NFD", "배가"))
    assert (first.text, first.start, first.end) == ("배", 0, 1) and first.entry == Entry("배", "탈것", 3.5)
    assert (second.text, second.entry) == ("가", None)
    assert [one.tag for one in made().entries_of("배")] == ["탈것", "과일"]
    assert "데이터" in made() and unicodedata.normalize("NFD", "모델") in made() and "없다" not in made() and 3 not in made()
    assert len(made()) == 8 and made().words[0] == "AI"


@given(st.text(max_size=60))
def test_nothing_but_blanks_is_lost(text: str) -> None:
    whole = unicodedata.normalize("NFC", text)
    plain = Dictionary("words", "", collected(["데이터", "a b", "cat"], "refuse", "here").entries)
    found = plain.tokenise(text)
    assert all(whole[one.start : one.end] == one.text for one in found)
    covered = {place for one in found for place in range(one.start, one.end)}
    assert all(sign.isspace() or place in covered for place, sign in enumerate(whole))


def test_repeats_and_conflicts_are_reported() -> None:
    found = collected(["개", "개", {"word": "개", "tag": "NNG"}, " 고양이  한 마리 "], "refuse", "here")
    assert found.report == {"words": 3, "repeated": 1, "conflicts": 0, "homographs": 1, "examples": []}
    assert [one.word for one in found.entries] == ["개", "개", "고양이 한 마리"]
    unlike = [{"word": "개", "weight": 1}, {"word": "개", "weight": 2}]
    with pytest.raises(DictionaryError, match=r"1 words are there twice and differ: 개: weight 1.0 and weight 2.0"):
        collected(unlike, "refuse", "here")
    assert collected(unlike, "first", "here").entries[0].weight == 1
    last = collected(unlike, "last", "here")
    assert last.entries[0].weight == 2 and last.report["conflicts"] == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"tag": "NNG"}, "it has no word"),
        ("", "it has no word"),
        ({"word": "가", "weight": "schwer"}, "its weight 'schwer' is no finite number"),
        ({"word": "가", "weight": float("inf")}, "is no finite number"),
        ({"word": "가", "weight": True}, "is no finite number"),
        ({"word": "가" * 201}, "is longer than 200 characters"),
        ({"word": "가\x00나"}, "holds a control character"),
        ({"word": "\ud800"}, "holds a control character"),
        ({"word": ["가"]}, "its word is list, wanted text"),
        (7.5j, "it is complex, wanted a word"),
    ],
)
def test_what_is_no_entry(entry: object, said: str) -> None:
    with pytest.raises(DictionaryError, match=f"1 entries are none: entry 2: {said}|{said}"):
        collected(["개", entry], "refuse", "here")


def test_no_words_at_all() -> None:
    with pytest.raises(DictionaryError, match="there is no word in it"):
        collected([], "refuse", "here")


def test_the_digest_does_not_depend_on_the_order() -> None:
    one, other = collected(WORDS, "refuse", "x").entries, collected(WORDS[::-1], "refuse", "x").entries
    assert digest(one) == digest(reversed(other)) and digest(one) != digest(one[1:])
