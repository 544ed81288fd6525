"""The written tickets: many different ones of each class and language, with everything that makes real ones hard."""

from __future__ import annotations

import random
import sqlite3
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from include.data.privacy.detect import find
from include.projects import load_project
from include.projects.support_tickets.source import TOPICS, fill, sentence, ticket_rows


def table(path: Path) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT id, body, topic, customer, received_at FROM support_tickets ORDER BY id").fetchall()


def test_fill_adds_each_row_once(tmp_path: Path) -> None:
    path = tmp_path / "원천.db"
    url = f"sqlite:///{path}"
    assert fill(url, 100) == 100
    first = table(path)
    assert fill(url, 100) == 0 and fill(url, slice(50, 150)) == 50 and fill(url) == 3000 - 150
    rows = table(path)
    assert [row[0] for row in rows] == list(range(1, 3001)) and rows[:100] == first
    assert [row[4] for row in rows] == sorted(row[4] for row in rows)


def test_the_seed_decides_the_texts() -> None:
    assert ticket_rows(20) == ticket_rows(20) != ticket_rows(20, seed=1)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("topic", TOPICS)
def test_hundreds_of_sentences_of_each_class(topic: str, language: str) -> None:
    draw = random.Random(1)
    found = {sentence(topic, language, draw) for _ in range(5000)}
    assert len(found) > 200 and not any("{" in one for one in found)
    assert all(any("가" <= sign <= "힣" for sign in one) == (language == "ko") for one in found)


def test_they_are_as_real_ones_are() -> None:
    rows = ticket_rows()
    topics = Counter(row["topic"] for row in rows)
    assert set(load_project("support_tickets").classes) == set(TOPICS) == set(topics) - {None}
    assert 0.05 < topics[None] / len(rows) < 0.2 and min(topics.values()) > 150
    bodies = [row["body"] for row in rows]
    plain = [unicodedata.normalize("NFC", body) for body in bodies]
    assert len(set(bodies)) > 2900
    assert 50 < sum(body != its for body, its in zip(bodies, plain, strict=True)) < 600
    personal = Counter(one.kind for body in plain for one in find(body))
    assert personal["email"] > 50 and personal["phone"] > 50 and set(personal) == {"email", "phone"}
    assert 200 < len({row["customer"] for row in rows}) <= 400
    assert sum(body.endswith("Sent from my phone") for body in plain) > 20


def test_a_customer_writes_in_one_language() -> None:
    languages: dict[str, set[bool]] = {}
    for row in ticket_rows():
        korean = any("가" <= sign <= "힣" for sign in unicodedata.normalize("NFC", row["body"]))
        languages.setdefault(row["customer"], set()).add(korean)
    assert all(len(found) == 1 for found in languages.values())
