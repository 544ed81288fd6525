"""The rows that a view's transform gets: items of a data version, or a Parquet table beside them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataRepository
from include.data import forms, pieces, rounds, versions
from include.data.errors import IntegrityError, ReferenceFault
from include.data.features.errors import FeatureError
from include.data.rounds import Piece, Ref
from include.data.tables import read_piece, reader
from include.projects import Project
from include.projects.content import ArrayContent, TableContent
from include.projects.feature_views import ITEM_COLUMNS, FeatureView, source_columns
from include.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def rows_of(settings: Settings, project: Project, view: FeatureView, version_ref: Ref) -> pd.DataFrame:
    """Return what a view's transform gets of a data version, in the order of its rounds.

    Args:
        settings: the data server.
        project: gives the form of an item.
        view: names the columns, or the Parquet table.
        version_ref: of a version, or of a merged round.

    Raises:
        FeatureError: the Parquet table has not the columns.
        IntegrityError: a table is no Parquet, or a content is not of the project's form.
    """
    import pandas as pd

    repo = reader(settings, version_ref)
    if view.source.parquet:
        return _parquet(repo, version_ref["commit"], view.source.parquet, view.source.columns)
    wanted = view.source.columns or source_columns(project.data.content)
    frames = [_frame(settings, project, piece, wanted) for piece in _pieces(repo, version_ref)]
    if not frames:
        raise ReferenceFault(repo.name, f"{name_of(version_ref)} holds no items", "Take a version with collected items")
    return pd.concat(frames, ignore_index=True)


def name_of(version_ref: Ref) -> str:
    """Return the name of a version (``v3``) or of a round (``round-000003``)."""
    return str(version_ref["version"]) if "version" in version_ref else f"round-{version_ref['round']:06d}"


def fetched(repo: DataRepository, ref: str, path: str, digest: str | None = None) -> pa.Table:
    """Return a Parquet table of a repository.

    Raises:
        IntegrityError: it is no Parquet, or its bytes have another digest than ``digest``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = f"{repo.name}/{path} at {ref}"
    with TemporaryDirectory(prefix="devmlops-features-") as folder:
        local = Path(folder) / "table.parquet"
        repo.fetch(ref, path, local)
        if digest is not None and (found := file_digest(local)) != digest:
            advice = "Do not use it; find out who changed it, and compute the view again"
            raise IntegrityError(where, f"its digest is {found}, wanted {digest}", advice)
        try:
            return pq.read_table(local)
        except (pa.ArrowException, OSError) as cause:
            raise IntegrityError(where, f"no readable Parquet table: {cause}", "Write it again") from cause


def file_digest(path: Path) -> str:
    """Return ``sha256:`` and the hash of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _pieces(repo: DataRepository, ref: Ref) -> list[Piece]:
    if "version" in ref:
        return list(versions.document(repo, ref["commit"], ref["version"])["pieces"])
    return [pieces.piece(repo, ref["commit"], rounds.describe(repo, ref["commit"], ref["round"]))]


def _frame(settings: Settings, project: Project, piece: Piece, wanted: list[str]) -> pd.DataFrame:
    import pandas as pd

    form = project.data.content
    kept = {name: name.removeprefix("@") for name in wanted if name in (*ITEM_COLUMNS, "@content")}
    contents = "@content" in wanted or len(kept) < len(wanted)
    names = list(dict.fromkeys([*(["content"] if contents else []), *kept.values()]))
    table = read_piece(settings, piece, names)
    more: dict[str, Any] = {name: table[column].to_pandas() for name, column in kept.items() if name != "@content"}
    if not contents:
        return pd.DataFrame(more)[wanted]
    try:
        decoded = forms.decode(table["content"].to_pylist(), form)
    except ValueError as cause:
        where = f"{piece['repository']}, round {piece['round']}"
        raise IntegrityError(where, str(cause), "Was data.content of project.yaml changed after it was collected?") from cause
    frame = decoded if isinstance(form, TableContent) else pd.DataFrame({"@content": _cells(decoded, form)})
    return frame.assign(**more)[wanted]


def _cells(decoded: Any, form: Any) -> Any:
    return list(decoded) if isinstance(form, ArrayContent) else decoded


def _parquet(repo: DataRepository, commit: str, path: str, columns: list[str] | None) -> pd.DataFrame:
    table = fetched(repo, commit, path)
    if missing := [name for name in columns or () if name not in table.column_names]:
        where = f"{repo.name}/{path} at {commit}"
        raise FeatureError(where, f"it has no column {', '.join(missing)}", f"It has {', '.join(table.column_names)}")
    return (table.select(columns) if columns else table).to_pandas()
