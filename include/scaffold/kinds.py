"""The kinds of project that can be made, and what their templates need to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"
MEASURES = {  # column of the wine data: what it may lie between
    "alcohol": (8, 20),
    "malic_acid": (0, 10),
    "ash": (0, 5),
    "alcalinity_of_ash": (0, 50),
    "magnesium": (0, 300),
    "total_phenols": (0, 10),
    "flavanoids": (0, 10),
    "nonflavanoid_phenols": (0, 3),
    "proanthocyanins": (0, 10),
    "color_intensity": (0, 30),
    "hue": (0, 3),
    "dilution": (0, 10),
    "proline": (0, 5000),
}


@dataclass(frozen=True)
class Kind:
    """One kind of project.

    Attributes:
        domain: of project.yaml.
        task: of project.yaml.
        what: one line for people.
        facts: further words of its templates.
    """

    domain: str
    task: str
    what: str
    facts: dict[str, Any] = field(default_factory=dict)

    def files(self, name: str) -> dict[str, Path]:
        """Return the files of a project of this kind, named ``name`` in `KINDS`: path in the project -> template."""
        folder = TEMPLATES / name
        found = {path.relative_to(folder).as_posix().removesuffix(".j2"): path for path in folder.rglob("*.j2")}
        return dict(sorted(found.items()))


KINDS = {
    "vision": Kind("vision", "classification", "images as arrays, a convolutional network"),
    "language": Kind("language", "classification", "Korean and English texts, a network over terms"),
    "tabular": Kind(
        "tabular",
        "classification",
        "rows of a table, families of estimators",
        {"columns": [{"name": name, "low": low, "high": high} for name, (low, high) in MEASURES.items()]},
    ),
    "timeseries": Kind("tabular", "regression", "windows of a time series, a network that forecasts"),
}
