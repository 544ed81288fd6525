"""Samples: ops data, masked, as a round on a branch of the dev repository, with a report for a person to approve.

The one step that holds the credentials of both zones. What it reads of ops stays in its memory and its temporary
folder; what it writes to dev was masked, scanned and counted before, or is not written at all.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.clients.lakefs import DataError, DataRepository
from include.data import items, rounds
from include.data.access import note_access
from include.data.collect import gather
from include.data.items import Item
from include.data.labels import classes_of
from include.data.privacy import values
from include.data.privacy.approve import approval_digest, masking_path
from include.data.privacy.errors import MaskingError, MaskingRefused, Unmaskable
from include.data.privacy.mask import Masker
from include.data.privacy.report import examples, report_html
from include.data.privacy.risk import Risk
from include.data.privacy.rows import Chosen, choose, digest_of, originals
from include.data.rounds import Ref
from include.projects import Project
from include.projects.masking import Masking
from include.settings import Settings

LEAST_SALT = 16
SORTED_BYTES = 256 << 20  # samples up to this size come in the order of their hashed keys

Read = tuple[Iterable[Item], Callable[[], dict[str, Any]]]


def make_sample(settings: Settings, project: Project, run_id: str, author: str) -> Ref:
    """Mask a sample of ops data and write it to a branch of the dev repository, with its report.

    The same run gets the sample it has made before. Nothing is merged: a person approves the report first.

    Args:
        settings: credentials of both zones, ``masking_salt``, and the ledger, which records the reading first.
        project: ``data.masking`` holds the rules.
        run_id: of the pipeline run; names the branch.
        author: who wants the sample; may not approve it.

    Returns:
        The round's reference with ``approval_digest``, which people approve, and ``report``: where
        ``report.html`` is (repository, ref, path, zone).

    Raises:
        MaskingError: no rules, no salt, or no item to mask.
        MaskingRefused: the masked sample would still tell about people; nothing was written.
        DataError: a data server does not answer or refuses; ops data is not read without an audit entry.
    """
    masking = rules(project)
    key = masking_key(settings, project)
    ops, dev = rounds.repository(settings, project, "ops"), rounds.repository(settings, project, "dev")
    with TemporaryDirectory(prefix="devmlops-mask-") as folder:

        def read(marks: dict[str, Any], known: list[int]) -> Read:
            commit = ops.head("main")
            note_access(settings, project, "data.mask", {"repository": ops.name, "zone": "ops", "commit": commit}, None, author)
            chosen = choose(ops, commit, project, masking)
            if not chosen.count:
                advice = "Collect rounds there first, or widen data.masking.select of project.yaml"
                raise MaskingError(f"{ops.name} at {commit}", "no item of it is to be masked", advice)
            new, document = _masked(ops, chosen, Masker(project, masking, key, ops.name), Path(folder) / "masked.parquet")
            document |= {"run_id": run_id, "author": author, "created_at": datetime.now(UTC).isoformat(timespec="seconds")}
            return new, lambda: _beside(project, document, marks)

        branch = rounds.branch_name(run_id, ops.name)
        try:
            ref = gather(dev, project, "sample", ops.name, run_id, author, read)
        except (MaskingError, MaskingRefused):
            with contextlib.suppress(DataError):  # the next try drops it too
                dev.delete_branch(branch)
            raise
    if ref["new"]:
        note_access(settings, project, "data.sample", ref, ref["count"], author)
    return described(dev, ref)


def remake_sample(settings: Settings, project: Project, round_ref: Ref) -> Ref:
    """Put a sample whose number another round has taken behind that round: the same rows and report, byte for byte.

    Args:
        settings: the dev data server; no ops data is read.
        project: whose sample.
        round_ref: from `make_sample`; its commit still holds the sample where its branch is gone.
    """
    dev = rounds.repository(settings, project, "dev")
    commit, number = round_ref["commit"], round_ref["round"]
    with TemporaryDirectory(prefix="devmlops-sample-") as folder:

        def read(marks: dict[str, Any], known: list[int]) -> Read:
            dev.fetch(commit, rounds.items_path(number), Path(folder) / "items.parquet")
            document = json.loads(dev.get(commit, masking_path(number)))
            return items.Table(Path(folder) / "items.parquet"), lambda: _beside(project, document, marks)

        ref = gather(dev, project, "sample", round_ref["source"], round_ref["run_id"], round_ref["author"], read)
    return described(dev, ref)


def described(dev: DataRepository, ref: Ref) -> Ref:
    """Return a sample's reference with its digest and the place of its report."""
    document = rounds.describe(dev, ref["commit"], ref["round"])
    report = {"repository": dev.name, "zone": "dev", "ref": ref["commit"], "path": f"{rounds.folder(ref['round'])}report.html"}
    return {**ref, "approval_digest": approval_digest(dev, ref["commit"], document), "report": report}


def masking_report(settings: Settings, project: Project, sample_ref: Ref) -> dict[str, Any]:
    """Return ``masking.json`` of a sample.

    Args:
        settings: the dev data server.
        project: whose sample.
        sample_ref: from `make_sample`.
    """
    dev = rounds.repository(settings, project, "dev")
    return dict(json.loads(dev.get(sample_ref["commit"], masking_path(sample_ref["round"]))))


def rules(project: Project) -> Masking:
    """Return the project's rules.

    Raises:
        MaskingError: it has none.
    """
    if project.data.masking is None:
        raise MaskingError(
            project.name, "it has no masking rules", "Declare data.masking in project.yaml; without it nothing leaves ops"
        )
    return project.data.masking


def masking_key(settings: Settings, project: Project) -> bytes:
    """Return the key of the project's hashes and invented values.

    Raises:
        MaskingError: there is no salt, or it is too short to be secret.
    """
    salt = settings.masking_salt.get_secret_value().encode()
    if len(salt) < LEAST_SALT:
        problem = "there is no masking salt" if not salt else f"the masking salt is shorter than {LEAST_SALT} characters"
        raise MaskingError(
            project.name, problem, "Set DEVMLOPS_MASKING_SALT to a long random text, and keep it: hashes depend on it"
        )
    return values.derive(salt, project.name)


def _masked(ops: DataRepository, chosen: Chosen, masker: Masker, path: Path) -> tuple[Iterator[Item], dict[str, Any]]:
    """Mask the chosen items into a file, look at what it tells, and return its rows with the report.

    Raises:
        MaskingRefused: it tells too much.
    """
    project, masking = masker.project, masker.masking
    form, risk, lost = project.data.content, Risk(project, masking), 0
    left_out: Counter[str] = Counter()
    grouped = any(source.group for source in project.data.sources.values())

    def run() -> Iterator[Item]:
        nonlocal lost
        for item in originals(ops, chosen, project, grouped):
            try:
                masked = masker.mask(item)
            except Unmaskable as reason:
                left_out[str(reason)] += 1
                continue
            risk.add(masked)
            lost += masked.label_lost
            yield masked.item

    totals = items.write(path, run(), form, grouped, partial(classes_of, project=project))
    problems = list(risk.problems())
    if not totals.count:
        problems = [f"none of {chosen.count} items can be masked: {', '.join(f'{n} x {why}' for why, n in left_out.items())}"]
    if problems:
        raise MaskingRefused(f"sample of {ops.name}", problems)
    few = risk.too_few()

    def rows() -> Iterator[Item]:
        kept = (one for one in items.Table(path) if not few or risk.class_of(_row(one, project)) not in few)
        # The order of the original would tell which of two came first.
        return iter(sorted(kept, key=lambda one: one.key)) if totals.bytes <= SORTED_BYTES else kept

    document = {
        "format": 1,
        "project": project.name,
        "from": {"repository": ops.name, "commit": chosen.commit, "rounds": list(chosen.rows)},
        "rules": masking.model_dump(mode="json"),
        "salt": values.fingerprint(masker.key),
        "found": chosen.found,
        "chosen": chosen.count,
        "left_out": dict(sorted(left_out.items())),
        "labels_lost": lost,
        "examples": examples(rows(), form),
        **risk.document(),
        "digest": digest_of(rows()),
    }
    return rows(), {**document, "count": document["rows"]}


def _beside(project: Project, document: dict[str, Any], marks: dict[str, Any]) -> dict[str, Any]:
    recipe = {name: document[name] for name in ("from", "digest", "salt")} | {"rules": items.digest(document["rules"])}
    objects = {"masking.json": items.dump(document), "report.html": report_html(project, document).encode()}
    return {"high_water_marks": marks, "recipe": recipe, "objects": objects}


def _row(item: Item, project: Project) -> Any:
    from include.data import forms

    return forms.load_row(item.content) if project.data.content.kind == "table" else None
