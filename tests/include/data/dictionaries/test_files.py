"""Files of words, and the section of project.yaml that names them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.data.dictionaries import DictionaryError, read_entries
from include.data.dictionaries.entries import collected
from include.projects.dictionaries import DictionarySource

SOURCE = DictionarySource(url="in")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("w.csv", "word,tag,weight,replacement,note\n개,NNG,1.5,,x\n컴터,,,컴퓨터,\n"),
        ("w.csv", "\ufeffword,tag,weight,replacement\r\n개,NNG,1.5,\r\n컴터,,,컴퓨터\r\n"),
        ("w.jsonl", '{"word": "개", "tag": "NNG", "weight": 1.5}\n\n{"word": "컴터", "replacement": "컴퓨터"}\n'),
        ("w.txt", "# 주석\n개\tNNG\t1.5\n\n컴터\t\t\t컴퓨터\n"),
    ],
)
def test_the_same_words_in_every_format(file: str, content: str) -> None:
    found = collected(read_entries(content.encode(), file, SOURCE), "refuse", "here").entries
    assert [(one.word, one.tag, one.weight, one.replacement) for one in found] == [
        ("개", "NNG", 1.5, None),
        ("컴터", None, None, "컴퓨터"),
    ]


def test_other_charsets_and_delimiters() -> None:
    source = DictionarySource(url="in", charset="cp949", delimiter=";", format="csv")
    assert list(read_entries("word;tag\n개;NNG\n".encode("cp949"), "words", source)) == [{"word": "개", "tag": "NNG"}]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("w.csv", b"wort,tag\n", "no column word but 'wort', 'tag'"),
        ("w.csv", b"", "no column word but none"),
        ("w.csv", b"word,tag\na,b,c\n", "line 2 has not 2 values"),
        ("w.csv", b"word,tag\na\n", "line 2 has not 2 values"),
        ("w.csv", b'word\n"a\n', "is no CSV"),
        ("w.csv", b"word\n" + b"a" * 200_000, "is no CSV: field larger"),
        ("w.jsonl", b'{"word": "a"}\n{', "line 2 is no JSON"),
        ("w.jsonl", b"[" * 100_000, "line 1 is no JSON"),
        ("w.txt", "개".encode("cp949"), "it is not in utf-8: byte 0"),
        ("w.xlsx", b"", "its name says no format"),
    ],
)
def test_files_that_cannot_be_read(file: str, content: bytes, said: str) -> None:
    with pytest.raises(DictionaryError, match=said):
        list(read_entries(content, file, SOURCE))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "name either path"),
        ({"path": "a", "url": "b"}, "name either path"),
        ({"path": "../a"}, "below the folder of the project"),
        ({"path": "/etc/words"}, "below the folder of the project"),
        ({"url": "https://me:secret@host/w.csv"}, "without credentials"),
        ({"url": "a", "charset": "klingon"}, "charset 'klingon' is not known"),
        ({"url": "a", "kind": "x"}, "Extra inputs"),
    ],
)
def test_what_project_yaml_may_not_say(given: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DictionarySource(**given)
