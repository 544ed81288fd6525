"""Personal data is found by its pattern, however it is written."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from include.data.privacy.detect import KINDS, find, looks_like


def kinds(text: str) -> list[str]:
    return [one.kind for one in find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "piece"),
    [
        ("연락은 kim.cs+work@mail.example.co.kr 로", "email", "kim.cs+work@mail.example.co.kr"),
        ("메일: 홍길동@예시.한국 끝", "email", "홍길동@예시.한국"),
        ("kim＠example．com", "email", "kim＠example．com"),
        ("번호 900101-1234567.", "rrn", "900101-1234567"),
        ("번호 9001011234567 뒤", "rrn", "9001011234567"),
        ("９００１０１－１２３４５６７", "rrn", "９００１０１－１２３４５６７"),
        ("201231–3123456", "rrn", "201231–3123456"),
        ("card 4111 1111 1111 1111!", "card", "4111 1111 1111 1111"),
        ("card 4111-1111-1111-1111", "card", "4111-1111-1111-1111"),
        ("DE89 3704 0044 0532 0130 00 bitte", "iban", "DE89 3704 0044 0532 0130 00"),
        ("면허 11-23-123456-01", "driver_licence", "11-23-123456-01"),
        ("SSN 123-45-6789", "ssn", "123-45-6789"),
        ("전화번호01012345678입니다", "phone", "01012345678"),
        ("tel01012345678abc", "phone", "01012345678"),
        ("전화 010-1234-5678", "phone", "010-1234-5678"),
        ("전화 010 – 1234 – 5678", "phone", "010 – 1234 – 5678"),
        ("전화 010-12\u200b34-5678", "phone", "010-12\u200b34-5678"),
        ("+82 10-9999-8888", "phone", "+82 10-9999-8888"),
        ("(415) 555-2671", "phone", "(415) 555-2671"),
        ("٠١٠-١٢٣٤-٥٦٧٨", "phone", "٠١٠-١٢٣٤-٥٦٧٨"),
        ("from 203.0.113.9 at", "ip", "203.0.113.9"),
        ("from 2001:db8::1 at", "ip", "2001:db8::1"),
    ],
)
def test_found(text: str, kind: str, piece: str) -> None:
    found = find(text)
    assert [(one.kind, text[one.start : one.end].strip("( ")) for one in found] == [(kind, piece.strip("( "))]


@pytest.mark.parametrize(
    "text",
    [
        "", "안녕하세요 😀", "2024-11-21 10:30:00", "3.14159265358979", "901301-1234567", "900101-9234567", "1,234,567",
        "4111 1111 1111 1112", "a@b", "@@@", "127.0.0.1", "999.1.1.1", "[EMAIL] [PHONE]", "12:30:45",
    ],
)  # fmt: skip
def test_not_found(text: str) -> None:
    assert kinds(text) == []


def test_two_beside_each_other_and_none_inside_another() -> None:
    text = "900101-1234567,010-1234-5678 a@b.com"
    found = find(text)
    assert [one.kind for one in found] == ["rrn", "phone", "email"]
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_only_the_asked_kinds() -> None:
    assert [one.kind for one in find("a@b.com 010-1234-5678", ("phone",))] == ["phone"]
    assert find("02-312-3456", KINDS, ("US",)) == []


@pytest.mark.parametrize(
    "piece", ["가나다라 hello ", "0" * 50, "1 2 3 4 5 ", "a@", "@.", "a.b-c@d.", "1.1.", ":::", "AB12 ", "０１０-"]
)
def test_time_grows_with_length_alone(piece: str) -> None:
    begin = time.process_time()
    find(piece * (1_000_000 // len(piece)))
    assert time.process_time() - begin < 20


def test_one_phone_in_ten_megabytes() -> None:
    text = "가" * 5_000_000 + " 010-1234-5678 " + "나" * 5_000_000
    assert [(one.start, one.kind) for one in find(text)] == [(5_000_001, "phone")]


def test_a_column_of_numbers() -> None:
    assert looks_like([9001011234567 + n for n in range(20)]) == "rrn"
    assert looks_like([4111111111111111, 5500005555555559, 4012888888881881]) == "card"
    assert looks_like([1012345678 + n for n in range(20)]) == "phone"
    assert looks_like(list(range(1000))) is None
    assert looks_like([]) is None
