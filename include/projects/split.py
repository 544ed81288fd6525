"""The section ``split`` of a project.yaml: how versions are divided into parts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.projects.parts import Part


class Split(Part):
    """How versions are divided. Each method takes its own fields, and no others."""

    method: Literal["random", "stratified", "grouped", "time", "kfold", "nested"] = Field(
        "stratified",
        description="How items are dealt out. time: the newest are the test part; grouped: items of one group stay together.",
    )
    ratios: dict[Literal["train", "validation", "test"], float] | None = Field(
        None, description="Share of each part; of random, stratified, grouped and time."
    )
    seed: int = Field(0, description="Of all methods but time, which has nothing to draw.")
    by: Literal["random", "stratified", "grouped"] = Field("stratified", description="How kfold and nested fill their folds.")
    folds: int | None = Field(None, ge=2, le=100, description="Folds of kfold; outer folds of nested.")
    inner_folds: int | None = Field(None, ge=2, le=100, description="Inner folds of nested.")
    test: float | None = Field(None, gt=0, lt=1, description="Share that kfold holds out as test part of every fold.")
    groups_may_cross: bool = Field(False, description="Let items of one group come into several parts, in a split not by group.")

    @model_validator(mode="after")
    def _fields(self) -> Split:
        needed, more = _SPLIT_FIELDS[self.method]
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"{' and '.join(missing)} must be given for the method {self.method}")
        if extra := sorted(self.model_fields_set - {"method", *needed, *more}):
            takes = ", ".join((*needed, *more))
            raise ValueError(f"{' and '.join(extra)} mean nothing to the method {self.method}, which takes {takes}")
        if self.ratios is not None and (
            abs(sum(self.ratios.values()) - 1) > 1e-9 or any(v <= 0 for v in self.ratios.values()) or len(self.ratios) != 3
        ):
            raise ValueError("ratios must name train, validation and test, each above 0, and add up to 1")
        if self.by_group and self.groups_may_cross:
            raise ValueError("groups_may_cross contradicts a split by group: take one of them out")
        if self.method == "nested" and (self.folds or 0) * (self.inner_folds or 0) > 1000:
            raise ValueError("folds times inner_folds must be at most 1000")
        return self

    @property
    def by_group(self) -> bool:
        """Tell whether items of one group stay together."""
        return self.method == "grouped" or (self.method in ("kfold", "nested") and self.by == "grouped")

    @property
    def test_share(self) -> float:
        """Return the share of items that the test part gets."""
        if self.ratios:
            return self.ratios["test"]
        return self.test or 1 / (self.folds or 1)


_SPLIT_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # method: what it needs, what else it takes
    "random": (("ratios",), ("seed", "groups_may_cross")),
    "stratified": (("ratios",), ("seed", "groups_may_cross")),
    "grouped": (("ratios",), ("seed",)),
    "time": (("ratios",), ("groups_may_cross",)),
    "kfold": (("folds", "test"), ("by", "seed", "groups_may_cross")),
    "nested": (("folds", "inner_folds"), ("by", "seed", "groups_may_cross")),
}
