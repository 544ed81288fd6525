"""What can go wrong in the data area, beside what the repository's client raises."""

from __future__ import annotations

from typing import Any

from include.clients.lakefs import DataError
from include.errors import FinalError


class SourceError(FinalError, DataError):
    """The caller's database does not look as project.yaml says."""


class SourceUnavailable(DataError):
    """The caller's database did not answer; trying again may help."""


class ReferenceFault(FinalError, DataError):
    """A reference, part or order of steps that cannot be."""


class IntegrityError(FinalError, DataError):
    """What was read back is not what was written."""


class RefineError(FinalError, DataError):
    """A step of refining that is unknown, or did not do what a step does."""


class ReviewError(FinalError, DataError):
    """A round that a person has to accept before it is merged, and has not."""


class DataCheckError(FinalError, DataError):
    """A round that does not hold what its project asks; it stays on its branch.

    Attributes:
        report: every check with name, ok, value and limit.
    """

    def __init__(self, where: str, report: dict[str, Any]) -> None:
        self.report = report
        failed = "; ".join(_line(check) for check in report["checks"] if not check["ok"])
        super().__init__(
            where,
            f"the checks did not pass: {failed}",
            "Correct the source or the limits under data.checks of project.yaml; the branch is kept for looking at",
        )


def _line(check: dict[str, Any]) -> str:
    examples = f" (for example {', '.join(map(str, check['examples']))})" if check.get("examples") else ""
    return f"{check['name']} is {check['value']}, wanted {check['limit']}{examples}"
