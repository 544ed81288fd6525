"""Rules: what project.yaml says about the fields of an item together, judged by pandas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.data.errors import ReferenceFault
from include.data.quality.columns import FIELDS, TYPES, Columns
from include.data.quality.verdicts import Verdict, share
from include.projects.expressions import Parsed, parse
from include.projects.quality import Quality, Rule

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def rules(columns: Columns, quality: Quality) -> Iterator[Verdict]:
    """Yield a verdict for each rule.

    Args:
        columns: of the round. A rule may name its columns and, where no column has that name, key, label, group,
            source and taken_at.
        quality: its rules.

    Raises:
        ReferenceFault: a rule names a field that is not there, or compares what cannot be compared.
    """
    for rule in quality.rules:
        judged, good = _judge(columns, rule)
        wrong = judged & ~good
        import numpy as np

        yield share(
            f"rule {rule.name}",
            "consistency",
            int(wrong.sum()),
            int(judged.sum()),
            rule.max_broken if rule.severity == "gate" else None,
            notice=rule.max_broken,
            advice=f"These items break {rule.check!r}: correct them at the source, or the rule in data.quality.rules",
            examples=columns.keys(np.flatnonzero(wrong)[:5]),
        )


def _judge(columns: Columns, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Return which items (n,) the rule is about, and which are right."""
    import numpy as np

    judged = np.ones(columns.count, bool)
    if rule.when is not None:
        whole, true = _evaluate(columns, parse(rule.when), rule)
        judged = whole & true
    whole, true = _evaluate(columns, parse(rule.check), rule)
    return (judged & whole if rule.missing == "skip" else judged), true & whole


def _evaluate(columns: Columns, parsed: Parsed, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Return which items have all fields of an expression, and for which of them it is true."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({f"f{place}": _field(columns, name, rule) for place, name in enumerate(parsed.fields)})
    whole = frame.notna().all(axis=1).to_numpy()
    true = np.zeros(columns.count, bool)
    chosen = frame[whole].reset_index(drop=True)
    for name in chosen:
        if str(chosen[name].dtype) == "Int64":
            chosen[name] = chosen[name].astype("int64")
        elif str(chosen[name].dtype) == "boolean":
            chosen[name] = chosen[name].astype(bool)
    try:
        found = chosen.eval(parsed.text, engine="python") if len(chosen) else np.zeros(0, bool)
        true[whole] = np.asarray(found, dtype=bool)
    except (TypeError, ValueError, KeyError, NotImplementedError, AttributeError) as cause:
        types = ", ".join(f"{name} is {_type(columns, name)}" for name in parsed.fields)
        raise ReferenceFault(
            f"rule {rule.name} of data.quality", f"it cannot be judged: {cause} ({types})", "Compare fields of like types"
        ) from cause
    return whole, true


def _field(columns: Columns, name: str, rule: Rule) -> pd.Series:
    if name in columns.measured:
        found = columns.series(name)
    elif name in FIELDS:
        found = columns.series(FIELDS[name])
    else:
        known = ", ".join([*columns.measured, *(one for one in FIELDS if one not in columns.measured)])
        raise ReferenceFault(f"rule {rule.name} of data.quality", f"there is no field {name!r}", f"Fields are {known}")
    # Times without a zone (all are UTC) can be compared with '2026-01-31'.
    return found.dt.tz_localize(None) if str(found.dtype).startswith("datetime64") else found


def _type(columns: Columns, name: str) -> str:
    return columns.measured[name].type if name in columns.measured else TYPES[FIELDS[name]]
