"""States: raw, refined, labelled, split; which one data is in, and how it came there.

A round is raw. A version is refined, and labelled where enough of its items have a label. A split is made of a
labelled version. What belongs to which is written down with each: a version names its rounds, the recipe's table of
each, and the label rounds; a split names its version. Transitions are commits, so their history is the repository's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from include.clients.lakefs import CommitInfo
from include.data import rounds
from include.data.labels import classes_of
from include.data.rounds import Piece
from include.data.tables import read_piece
from include.projects import Project
from include.projects.tasks import UNLABELLED
from include.settings import Settings, Zone

State = Literal["raw", "refined", "labelled", "split"]
STATES: tuple[State, ...] = ("raw", "refined", "labelled", "split")
ABOUT = ("round", "version", "digest", "recipe", "left_out", "labelled", "method")


def labelled(settings: Settings, project: Project, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Return the state of a version made of some pieces, how many of its items have a label, and of which classes.

    Args:
        settings: the data servers of the pieces.
        project: `may_lack` says how many labels a labelled version may lack.
        pieces: of the version.

    Returns:
        ``{"state": "refined" | "labelled", "labelled": n, "labels": {class: n}}``.
    """
    count = total = 0
    found: Counter[str] = Counter()
    for piece in pieces:
        labels = read_piece(settings, piece, ["label"])["label"]
        total += len(labels)
        count += len(labels) - labels.null_count
        for label, times in Counter(label for label in labels.to_pylist() if label is not None).items():
            for name in classes_of(label, project):
                found[name] += times
    return told(project, total, count, found)


def told(project: Project, total: int, labelled: int, labels: Counter[str]) -> dict[str, Any]:
    """Return what `labelled` does of so many items with so many labels, of these classes."""
    missing = (total - labelled) / max(total, 1)
    state: State = "labelled" if labelled and missing <= may_lack(project) else "refined"
    return {"state": state, "labelled": labelled, "labels": dict(sorted(labels.items()))}


def may_lack(project: Project, *, collected: bool = False) -> float:
    """Return the share of items that may have no label, in a labelled version or in a round as it was collected.

    It is ``data.checks.max_missing_labels``. Where people label (``data.labelling``) and that is not given, a round
    may come without any label, and a version is labelled when the last item is. A task that learns without labels asks
    for none; its versions are split as they were refined.
    """
    checks = project.data.checks
    if project.task in UNLABELLED:
        return 1.0 if collected else checks.max_missing_labels
    if project.data.labelling is None or "max_missing_labels" in checks.model_fields_set:
        return checks.max_missing_labels
    return 1.0 if collected else 0.0


def history(settings: Settings, project: Project, zone: Zone) -> Iterator[dict[str, Any]]:
    """Yield every transition of a zone's data, newest first.

    Yields:
        ``{"state", "what", "at", "by", "run_id", "count", "commit", ...}``; beside these the round or version, and
        what changed: left_out (items that refining left out), labelled (items with a label), method (of a split).
    """
    repo = rounds.repository(settings, project, zone)
    for commit in repo.log("main"):
        if state := _state(commit):
            about = commit.metadata
            fields = {name: about[name] for name in ABOUT if name in about}
            count = int(about["count"]) if about.get("count", "").isdigit() else None
            at = datetime.fromtimestamp(commit.created, UTC).isoformat(timespec="seconds")
            who = {"by": about.get("author"), "run_id": about.get("run_id")}
            yield {"state": state, "what": commit.message, "at": at, **who, "count": count, "commit": commit.id, **fields}


def _state(commit: CommitInfo) -> State | None:
    """Return the state that a commit brought data into; None where it did something else."""
    about = commit.metadata
    step, kind = about.get("step"), about.get("kind")
    if step == "refine":
        return "refined"
    if step != "merge":
        return None
    if kind in ("collected", "operating", "sample"):
        return "raw"
    if kind == "labels":
        return "labelled"
    if kind in ("version", "bundle"):
        return "labelled" if about.get("state", "labelled") == "labelled" else "refined"
    return "split" if kind == "split" else None
