"""The table of one piece of a version: what was refined, of that what was chosen, with the labels that people gave since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataRepository
from include.data import filters, items, rounds
from include.data.errors import IntegrityError
from include.data.rounds import Piece
from include.data.sent_back import ids_back
from include.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq


def reader(settings: Settings, piece: Mapping[str, Any]) -> DataRepository:
    """Return the repository of a round for reading; the ops credential may read dev data, never the reverse."""
    zone = piece["zone"]
    if zone == "dev" and not settings.data_dev_access_key:
        zone = "ops"
    return DataRepository(settings, piece["repository"], zone)


def read_piece(settings: Settings, piece: Piece, names: Sequence[str]) -> pa.Table:
    """Return some columns of the items of a piece; a later label of an item goes before an earlier one.

    Args:
        settings: the data server.
        piece: of a version's or split's document.
        names: columns of `include.data.items.COLUMNS`, or ``group``.

    Raises:
        IntegrityError: the items that were chosen are not there any more.
    """
    table, chosen = read_whole(settings, piece, names)
    return table if chosen is None else table.filter(chosen)


def read_whole(settings: Settings, piece: Piece, names: Sequence[str]) -> tuple[pa.Table, np.ndarray | None]:
    """Return some columns of the whole table of a piece, and which of its rows are chosen: bool (n,), None for all.

    Raises:
        IntegrityError: the items that were chosen are not there any more.
    """
    labelled = said_since(piece) and "label" in names
    needed = ["item_id"] if (labelled or piece.get("filter")) and "item_id" not in names else []
    table = items.read(reader(settings, piece), piece["commit"], path(piece), [*names, *needed])
    chosen = choice(piece, table["item_id"]) if piece.get("filter") else None
    if labelled:
        table = relabelled(table, given(settings, piece))
    return table.select(list(names)), chosen


def read_divided(settings: Settings, piece: Piece, names: Sequence[str]) -> tuple[pa.Table, list[bool] | None]:
    """Return the rows of a piece that take part when it is split, and which of them are given out; None for all.

    Of a round that was split before, those take part that did then, so that what is chosen of it stays in its parts.
    """
    table, chosen = read_whole(settings, piece, names)
    if chosen is None:
        return table, None
    divided = piece["filter"].get("divided")
    if divided is None:
        return table.filter(chosen), None
    if divided == filters.ALL:
        return table, chosen.tolist()
    rows = filters.read(piece["filter"], f"{piece['repository']}, round {piece['round']}", "divided")
    return table.filter(rows), chosen[rows].tolist()


def stream_piece(
    settings: Settings,
    piece: Piece,
    names: Sequence[str],
    labels: Mapping[str, str | None] | None = None,
    rows: int | None = None,
    verify: bool = False,
) -> Iterator[pa.Table]:
    """Yield what `read_piece` gives, some rows at a time, so that memory does not grow with the piece.

    Args:
        settings: the data server.
        piece: of a version's document.
        names: columns.
        labels: what people said since, by item id; read where it is not given.
        rows: of one table; as many as may be held with their contents where it is not given.
        verify: compare keys, ids, labels and groups of the whole table with the piece's digest.

    Raises:
        IntegrityError: the table is not that of the digest, or the items that were chosen are not there any more; it
            comes before the first table.
    """
    import pyarrow as pa

    later = (given(settings, piece) if labels is None else labels) if said_since(piece) and "label" in names else {}
    repo, wanted = reader(settings, piece), [*names, *(["item_id"] if "item_id" not in names else [])]
    with items.opened(repo, piece["commit"], path(piece)) as file:
        grouped = items.has_groups(file)
        if verify:
            _verify(file, piece)
        chosen = choice(piece, file.read(["item_id"])["item_id"]) if piece.get("filter") else None
        begin = 0
        stored = [name for name in wanted if name != items.GROUP or grouped]
        for batch in file.iter_batches(rows or items.held(file), columns=stored):
            table = pa.Table.from_batches([batch])
            if chosen is not None:
                table = table.filter(chosen[begin : begin + len(batch)])
            begin += len(batch)
            if items.GROUP in wanted and not grouped:
                table = table.append_column(items.GROUP, pa.nulls(table.num_rows, pa.string()))
            if later:
                table = relabelled(table, later)
            if table.num_rows:
                yield table.select(list(names))


def choice(piece: Mapping[str, Any], ids: pa.ChunkedArray) -> np.ndarray:
    """Return which rows of a piece's table its filter means, after comparing their ids with what was written down.

    Raises:
        IntegrityError: they are others.
    """
    where = f"{piece['repository']}, round {piece['round']} at {piece['commit']}"
    found = filters.read(piece["filter"], where)
    if len(found) != len(ids) or filters.ids_digest(ids.filter(found).to_pylist()) != piece["filter"]["ids"]:
        problem = "the items that a bundle chose of it are not those that were chosen"
        raise IntegrityError(where, problem, "Do not use this data; find out who changed it")
    return found


def path(piece: Mapping[str, Any]) -> str:
    """Return where the table of a piece lies in its repository."""
    return str(piece.get("table") or rounds.items_path(piece["round"]))


def said_since(piece: Mapping[str, Any]) -> bool:
    """Tell whether people said something about the labels of a piece since it was collected."""
    return bool(piece.get("labels") or piece.get("sent_back"))


def given(settings: Settings, piece: Mapping[str, Any], verify: bool = False) -> dict[str, str | None]:
    """Return the labels by item id that the label rounds of a piece give, the last one where several do.

    None means that a reviewer sent the label back, and nobody has given another one since.

    Raises:
        IntegrityError: with ``verify``, labels of a round are not those of its digest.
    """
    labels: dict[str, str | None] = {}
    # A round's own labels come before what its reviewer sent back, and that before the labels of later rounds.
    asked = [(one["round"], "labels", one) for one in piece.get("labels") or []]
    asked += [(one["round"], "sent back", one) for one in piece.get("sent_back") or []]
    for number, what, one in sorted(asked, key=lambda given: given[:2]):
        repo = reader(settings, {**piece, **one})
        if what == "labels":
            labels.update(round_labels(repo, one["commit"], number, one["digest"] if verify else None))
        else:
            labels.update(dict.fromkeys(ids_back(repo, one["commit"], number)))
    return labels


def round_labels(repo: DataRepository, ref: str, number: int, digest: str | None = None) -> dict[str, str]:
    """Return the labels by item id of one label round.

    Raises:
        IntegrityError: they are not those of ``digest``, where one is given.
    """
    import io

    import pyarrow.parquet as pq

    columns = ["item_id", "label", *(["annotators"] if digest else [])]
    table = pq.read_table(io.BytesIO(repo.get(ref, rounds.labels_path(number))), columns=columns)
    found = [table[name].to_pylist() for name in columns]
    if digest:
        from include.data.labelling.round import digest_line

        running = hashlib.sha256()
        for row in zip(*found, strict=True):
            running.update(digest_line(*row))
        _same(f"sha256:{running.hexdigest()}", digest, f"{repo.name}, label round {number} at {ref}")
    return dict(zip(found[0], found[1], strict=True))


def _verify(file: pq.ParquetFile, piece: Mapping[str, Any]) -> None:
    names = ["key", "item_id", "label", *([items.GROUP] if items.has_groups(file) else [])]

    def rows() -> Iterator[tuple[str, str, str | None, str | None]]:
        for batch in file.iter_batches(items.BATCH, columns=names):
            columns = [batch[name].to_pylist() for name in names]
            yield from zip(*columns, *([] if len(names) > 3 else [[None] * len(batch)]), strict=True)

    where = f"{piece['repository']}, round {piece['round']} at {piece['commit']}"
    _same(items.running_digest(rows()), piece["digest"], where)


def _same(found: str, wanted: str, where: str) -> None:
    if found != wanted:
        raise IntegrityError(where, f"its digest is {found}, wanted {wanted}", "Do not use this data; find out who changed it")


def relabelled(table: pa.Table, labels: Mapping[str, str | None]) -> pa.Table:
    """Return a table with the columns item_id and label whose labels are those of ``labels`` where these have one."""
    import pyarrow as pa

    pairs = zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    column = pa.array([labels.get(one, label) for one, label in pairs], pa.string())
    return table.set_column(table.schema.get_field_index("label"), "label", column)
