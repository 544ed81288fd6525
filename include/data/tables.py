"""The table of one piece of a version: what was refined, with the labels that people gave since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.clients.lakefs import DataRepository
from include.data import items, rounds
from include.data.rounds import Piece
from include.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def reader(settings: Settings, piece: Mapping[str, Any]) -> DataRepository:
    """Return the repository of a round for reading; the ops credential may read dev data, never the reverse."""
    zone = piece["zone"]
    if zone == "dev" and not settings.data_dev_access_key:
        zone = "ops"
    return DataRepository(settings, piece["repository"], zone)


def read_piece(settings: Settings, piece: Piece, names: Sequence[str]) -> pa.Table:
    """Return some columns of the table of a piece; a later label of an item goes before an earlier one.

    Args:
        settings: the data server.
        piece: of a version's or split's document.
        names: columns of `include.data.items.COLUMNS`, or ``group``.
    """
    repo = reader(settings, piece)
    wanted = list(names)
    if piece.get("labels") and "label" in wanted and "item_id" not in wanted:
        wanted.append("item_id")
    table = items.read(repo, piece["commit"], path(piece), wanted)
    if piece.get("labels") and "label" in wanted:
        table = _labelled(table, given(settings, piece))
    return table.select(list(names))


def path(piece: Mapping[str, Any]) -> str:
    """Return where the table of a piece lies in its repository."""
    return str(piece.get("table") or rounds.items_path(piece["round"]))


def given(settings: Settings, piece: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by item id that the label rounds of a piece give, the last one where several do."""
    labels: dict[str, str] = {}
    for one in piece.get("labels") or []:
        labels.update(round_labels(reader(settings, {**piece, **one}), one["commit"], one["round"]))
    return labels


def round_labels(repo: DataRepository, ref: str, number: int) -> dict[str, str]:
    """Return the labels by item id of one label round."""
    import io

    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(repo.get(ref, rounds.labels_path(number))), columns=["item_id", "label"])
    return dict(zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def _labelled(table: pa.Table, labels: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    pairs = zip(table["item_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    column = pa.array([labels.get(one, label) for one, label in pairs], pa.string())
    return table.set_column(table.schema.get_field_index("label"), "label", column)
