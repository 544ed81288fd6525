"""The customers' side: a table of support tickets, written from `phrases` with everything that real ones have.

Greetings, typing mistakes, order numbers, signatures, Hangul in decomposed form from one kind of device, and in some
a telephone number or e-mail address. Numbers and addresses are of ranges kept for examples: they belong to nobody.
"""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from include.projects.support_tickets.phrases import CLOSINGS, GREETINGS, ITEMS, PATTERNS, SIGNATURE, WORDS

TOTAL = 3000
BEGIN = datetime(2026, 1, 5, 0, tzinfo=UTC)
CUSTOMERS = 400
TOPICS = ("delivery", "refund", "account", "product", "praise")
SHARES = (30, 25, 15, 20, 10)


def fill(url: str, rows: slice | int | None = None, seed: int = 0) -> int:
    """Make the table ``support_tickets`` where it is missing and put in the rows that are not there yet.

    Args:
        url: SQLAlchemy URL of the database.
        rows: which of the 3,000 tickets: a slice, the first so many, or None for all. Row i always has id i + 1.
        seed: of the texts; give one database always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, select

    tickets = Table(
        "support_tickets",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("body", Text, nullable=False),
        Column("topic", Text),
        Column("customer", Text, nullable=False),
        Column("received_at", Text, nullable=False),
    )
    engine = create_engine(url)
    try:
        tickets.metadata.create_all(engine)
        with engine.begin() as connection:
            there = set(connection.execute(select(tickets.c.id)).scalars())
            new = [row for row in ticket_rows(rows, seed) if row["id"] not in there]
            if new:
                connection.execute(tickets.insert(), new)
    finally:
        engine.dispose()
    return len(new)


def ticket_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of the table as `fill` writes them; the arguments are the same. About one in nine has no topic."""
    return [_ticket(place, seed) for place in range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]]


def sentence(topic: str, language: str, draw: random.Random) -> str:
    """Return one sentence of a topic in ``ko`` or ``en``."""
    words = {name: draw.choice(found) for name, found in WORDS[language].items()}
    return draw.choice(PATTERNS[language][topic]).format(item=draw.choice(ITEMS[language]), **words)


def _ticket(place: int, seed: int) -> dict[str, Any]:
    draw = random.Random(f"{seed}:{place}")
    topic = draw.choices(TOPICS, SHARES)[0]
    # Some customers write often, and each in one language.
    customer = int(CUSTOMERS * draw.random() ** 2)
    language = "ko" if customer % 5 < 3 else "en"
    body = _body(sentence(topic, language, draw), language, draw)
    return {
        "id": place + 1,
        "body": body,
        "topic": topic if draw.random() >= 0.11 else None,
        "customer": f"C{customer:05d}",
        "received_at": (BEGIN + timedelta(minutes=7 * place)).isoformat(),
    }


def _body(said: str, language: str, draw: random.Random) -> str:
    parts = [draw.choice(GREETINGS[language]), _typo(said, draw) if draw.random() < 0.15 else said]
    if draw.random() < 0.5:
        number = f"W{draw.randrange(24, 27)}K{draw.randrange(10**5):05d}"
        parts.append(f"주문번호 {number}" if language == "ko" else f"order no. {number}")
    if draw.random() < 0.12:
        parts.append(_contact(language, draw))
    parts.append(draw.choice(CLOSINGS[language]))
    body = (draw.choice([". ", "\n", "  "])).join(part for part in parts if part)
    if draw.random() < 0.1:
        body += "\n" + SIGNATURE[language]
    return unicodedata.normalize("NFD", body) if language == "ko" and draw.random() < 0.1 else body


def _contact(language: str, draw: random.Random) -> str:
    number = draw.randrange(100)
    if draw.random() < 0.5:
        return f"연락처는 user{number}@example.com 입니다" if language == "ko" else f"write to user{number}@example.com"
    if language == "ko":
        return f"전화는 010-0000-{number:04d} 로 주세요"
    return f"call me at +1 202-555-01{number:02d}"


def _typo(said: str, draw: random.Random) -> str:
    """Return a text with two neighbours exchanged, one sign lost, or one doubled."""
    place = draw.randrange(len(said) - 1)
    way = draw.randrange(3)
    if way == 0:
        return said[:place] + said[place + 1] + said[place] + said[place + 2 :]
    return said[:place] + said[place + 1 :] if way == 1 else said[:place] + said[place] + said[place:]
