"""The plant's side: a table of transitions of a pole on a cart, logged while a clumsy policy kept it up.

It takes the action that pushes under the falling pole, but in seven steps of ten one by chance.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

TOTAL = 6000
CLUMSY = 0.7
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
STATE = ("position", "velocity", "angle", "angular_velocity")


def fill(url: str, rows: slice | int | None = None, seed: int = 0) -> int:
    """Make the table ``transitions`` where it is missing and put in the rows that are not there yet.

    Args:
        url: SQLAlchemy URL of the database.
        rows: which of the 6,000 transitions: a slice, the first so many, or None for all. Row i always has id i + 1.
        seed: of the episodes; give one database always the same.

    Returns:
        How many rows were added; 0 the second time.
    """
    from sqlalchemy import Boolean, Column, Float, Integer, MetaData, Table, Text, create_engine, select

    numbers = [*STATE, "reward", *(f"next_{name}" for name in STATE)]
    log = Table(
        "transitions",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("episode", Text, nullable=False),
        Column("step", Integer, nullable=False),
        Column("action", Integer, nullable=False),
        *(Column(name, Float, nullable=False) for name in numbers),
        Column("done", Boolean, nullable=False),
        Column("taken_at", Text, nullable=False),
    )
    engine = create_engine(url)
    try:
        log.metadata.create_all(engine)
        with engine.begin() as connection:
            there = set(connection.execute(select(log.c.id)).scalars())
            new = [row for row in transition_rows(rows, seed) if row["id"] not in there]
            if new:
                connection.execute(log.insert(), new)
    finally:
        engine.dispose()
    return len(new)


def transition_rows(rows: slice | int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of the table as `fill` writes them; the arguments are the same."""
    chosen = range(TOTAL)[rows if isinstance(rows, slice) else slice(rows)]
    if not chosen:
        return []
    every = list(islice(_transitions(seed), max(chosen) + 1))
    return [every[place] for place in chosen]


def _transitions(seed: int) -> Any:
    import numpy as np

    from include.projects.pole_balance.simulator import make

    world, number, place = make(), 0, 0
    while True:
        draw = np.random.default_rng([seed, number])
        state, _ = world.reset(seed=1_000_000 * (seed + 1) + number)
        ended = cut = False
        step = 0
        while not (ended or cut):
            action = int(draw.integers(2)) if draw.random() < CLUMSY else int(state[2] + state[3] > 0)
            after, reward, ended, cut, _ = world.step(action)
            place, step = place + 1, step + 1
            yield {
                "id": place,
                "episode": f"E{number + 1:05d}",
                "step": step,
                "action": action,
                "reward": float(reward),
                **{name: round(float(value), 6) for name, value in zip(STATE, state, strict=True)},
                **{f"next_{name}": round(float(value), 6) for name, value in zip(STATE, after, strict=True)},
                "done": bool(ended),
                "taken_at": (BEGIN + timedelta(seconds=0.02 * place)).isoformat(),
            }
            state = after
        number += 1
