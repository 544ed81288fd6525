"""Usage: which runs and models a version of the data went into, and what a model was made of."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.clients.lakefs import DataDenied, DataNotFound, DataRepository
from include.clients.mlflow import mlflow_client, mlflow_errors
from include.data import rounds, split, tables, versions
from include.data.errors import ReferenceFault
from include.data.parts import split_document
from include.data.rounds import Piece
from include.projects import Project
from include.settings import Settings, Zone

_log = logging.getLogger(__name__)
PAGE = 500  # MLflow's answers come in pages of so many


def runs_of_version(settings: Settings, project: Project, zone: Zone, version: str) -> list[dict[str, Any]]:
    """Return every run that used a version, itself or through a bundle or rollback that has its data, newest first.

    Args:
        settings: data server, MLflow and ledger.
        project: whose.
        zone: of which repository the version is.
        version: its name, such as ``v3``.

    Returns:
        For each run ``run_id``, ``kind`` (tuning, training, ...), ``experiment``, ``author``, ``started_at``, ``status``,
        ``through`` (None, or the bundle or rollback, such as ``digits-ops v1``), ``split_digest``, and, where it was
        registered, ``model``, ``model_version``, ``state`` and ``releases`` (their ids).

    Raises:
        ReferenceFault: no such version.
        MlflowError: MLflow did not answer.
        LedgerError: the ledger did not answer.
    """
    ref = versions.version(settings, project, zone, version)
    wanted: dict[tuple[str, str], str | None] = {(ref["repository"], version): None}
    for repository, name in _through(settings, project, ref):
        wanted[repository, name] = f"{repository} {name}"
    client = mlflow_client(settings)
    found: list[dict[str, Any]] = []
    with mlflow_errors(settings, f"look for the runs of {ref['repository']} {version}"):
        experiments = {str(one.experiment_id): one.name for one in _paged(client.search_experiments)}
        every = _paged(client.search_model_versions, filter_string=f"name='{project.name}'")
        models = {one.run_id: one for one in every}
        for (repository, name), through in wanted.items():
            asked = f"tags.data_repository = '{repository}' and tags.data_version = '{name}'"
            for run in _paged(client.search_runs, experiment_ids=list(experiments), filter_string=asked):
                found.append(_run(run, experiments, models.get(run.info.run_id), through))
    released = _releases(settings, project)
    for one in found:
        one["releases"] = released.get((one["model"], one["model_version"]), [])
    return sorted(found, key=lambda one: str(one["started_at"]), reverse=True)


def data_of_model(settings: Settings, project: Project, model_version: str | int) -> dict[str, Any]:
    """Return what a model was made of: from which rounds, labelled by whom, split how, and how to get that back.

    Args:
        settings: data server, MLflow and ledger.
        project: whose model.
        model_version: a number, ``confirmed``, ``production`` or ``latest``.

    Returns:
        ``model``, ``model_version``, ``run_id``, ``author``, ``state``, ``code_digest`` and ``git_commit``; ``version``
        (repository, zone, version, commit); ``rounds``, each with its name, kind, source, author, time, digest, ``count``,
        ``used`` (how many items of it) and ``origin``; ``labelled_by``, for each round who gave how many labels;
        ``split`` (a reference for `load_part` and `restore_split`, with recipe, parts and what was left out);
        ``releases`` (ids).

    Raises:
        InputError: there is no such model version.
        ReferenceFault: it does not say what it was trained on.
        IntegrityError: the split is not the one that it was trained on.
    """
    from include.training import model_info

    told = model_info(settings, project, model_version)
    ref = told["data"]
    if missing := [name for name in ("repository", "zone", "version", "commit", "split_path", "split_digest") if name not in ref]:
        problem = f"it does not say what it was trained on: {', '.join(missing)} is missing"
        raise ReferenceFault(f"{told['name']} {told['version']}", problem, "Train it again with this product, and register it")
    document = split_document(settings, ref)
    pieces: list[Piece] = document["pieces"]
    described = [rounds.describe(tables.reader(settings, piece), piece["commit"], piece["round"]) for piece in pieces]
    about = ("name", "run_id", "author", "state", "code_digest", "git_commit")
    return {
        "model": told["name"],
        "model_version": told["version"],
        **{name: told.get(name) for name in about[1:]},
        "version": {name: ref[name] for name in ("repository", "zone", "version", "commit")},
        "rounds": [_round(piece, one) for piece, one in zip(pieces, described, strict=True)],
        "labelled_by": [*_by_source(pieces, described), *_by_people(settings, pieces)],
        "split": {
            **ref,
            "recipe": split.recipe_of(pieces[-1]),
            "parts": {name: one["count"] for name, one in document["parts"].items()},
            "left_out": document["left_out"],
        },
        "releases": _releases(settings, project).get((told["name"], told["version"]), []),
    }


def _through(settings: Settings, project: Project, ref: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield repository and name of the bundles and rollbacks that have the data of a version."""
    data = versions.document(tables.reader(settings, ref), ref["commit"], ref["version"])
    mine = {_key(piece) for piece in data["pieces"]}
    for zone in ("dev", "ops"):
        place = {"repository": project.repositories[zone], "zone": zone}
        try:
            repo = tables.reader(settings, place)
            merges = [one for one in repo.log() if one.metadata.get("step") == "merge"]
        except DataNotFound:  # nothing was ever collected there
            continue
        except DataDenied as cause:
            _log.warning("what %s made of %s is not known here: %s", place["repository"], ref["version"], cause)
            continue
        for commit in merges:
            told = commit.metadata
            name = told.get("version", "")
            if (repo.name, name) == (ref["repository"], ref["version"]):
                continue
            if told.get("rolled_back_to"):
                if (repo.name, told["rolled_back_to"]) == (ref["repository"], ref["version"]):
                    yield repo.name, name
            elif told.get("kind") == "bundle" and _has(repo, commit.id, name, mine, ref):
                yield repo.name, name


def _has(repo: DataRepository, commit: str, name: str, mine: set[tuple[Any, ...]], ref: Mapping[str, Any]) -> bool:
    """Tell whether a bundle has all rounds of a version, or was asked for by its name."""
    made = versions.document(repo, commit, name)
    if mine and mine <= {_key(piece) for piece in made["pieces"]}:
        return True
    recipe = rounds.describe(repo, commit, made["rounds"][-1])["recipe"]
    asked = (one for part in recipe.get("parts", []) for one in part["of"])
    return any((one.get("repository"), one.get("version")) == (ref["repository"], ref["version"]) for one in asked)


def _key(piece: Piece) -> tuple[Any, ...]:
    return piece["repository"], piece["round"], piece["digest"]


def _run(run: Any, experiments: Mapping[str, str], model: Any, through: str | None) -> dict[str, Any]:
    tags, started = run.data.tags, run.info.start_time
    return {
        "run_id": run.info.run_id,
        "kind": tags.get("devmlops.kind"),
        "experiment": experiments.get(str(run.info.experiment_id)),
        "author": tags.get("devmlops.author") or tags.get("mlflow.user"),
        "started_at": datetime.fromtimestamp(started / 1000, UTC).isoformat(timespec="seconds") if started else None,
        "status": run.info.status,
        "through": through,
        "split_digest": tags.get("split_digest"),
        "model": model.name if model else None,
        "model_version": str(model.version) if model else None,
        "state": model.tags.get("state", "training") if model else None,
    }


def _releases(settings: Settings, project: Project) -> dict[tuple[str | None, str | None], list[str]]:
    """Return the ids of releases by the model that they hold."""
    from include.ledger import Ledger

    found: dict[tuple[str | None, str | None], list[str]] = {}
    for one in Ledger(settings.ledger()).releases(project.name):
        found.setdefault((str(one.model.get("name")), str(one.model.get("version"))), []).append(one.id)
    return found


def _paged(ask: Callable[..., Any], **what: Any) -> Iterator[Any]:
    """Yield everything that MLflow has to a question, page by page."""
    token = None
    while True:
        page = ask(**what, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _round(piece: Piece, described: Mapping[str, Any]) -> dict[str, Any]:
    names = ("kind", "source", "author", "run_id", "created_at", "count")
    told = {name: described[name] for name in names}
    place = {"round": split.round_name(piece), "zone": piece["zone"], "commit": piece["commit"], "digest": piece["digest"]}
    how = {"used": piece["count"], "origin": piece["origin"], "table": tables.path(piece), "chosen": "filter" in piece}
    return {**place, **told, **how}


def _by_source(pieces: Sequence[Piece], described: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the labels that rounds came with."""
    for piece, one in zip(pieces, described, strict=True):
        count = one.get("labelled", sum(one["labels"].values()))
        if count:
            who = {f"source {one['source']}": count}
            yield {"round": split.round_name(piece), "kind": one["kind"], "by": who, "count": count}


def _by_people(settings: Settings, pieces: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    """Yield the labels of label rounds with how many each person had a say in."""
    import io

    import pyarrow.parquet as pq

    seen: set[tuple[str, int]] = set()
    for piece in pieces:
        for one in piece.get("labels") or []:
            place = (str(one["repository"]), int(one["round"]))
            if place in seen:
                continue
            seen.add(place)
            repo = tables.reader(settings, {**piece, **one})
            said = pq.read_table(io.BytesIO(repo.get(one["commit"], rounds.labels_path(one["round"]))), columns=["annotators"])
            people: Counter[str] = Counter()
            for answers in said["annotators"].to_pylist():
                people.update({str(answer.get("by")) for answer in json.loads(answers or "[]")})
            name = f"{one['repository']}/{one['round']:06d}"
            yield {"round": name, "kind": "labels", "by": dict(people.most_common()), "count": one["count"]}
