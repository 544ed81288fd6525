"""Sources: where rounds come from. Each gives items behind a high-water mark, and the mark behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

Mark = dict[str, Any]  # {"type": "int" | "str" | "datetime", "value": ...}


def mark_of(value: Any, where: str) -> Mark:
    """Return a key of the source as a mark that JSON can hold.

    Raises:
        SourceError: the key is of a type that has no safe order.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | datetime):
        problem = f"the key has the type {type(value).__name__}"
        raise SourceError(where, problem, "Name a column of whole numbers, text or times as data.source.key")
    if isinstance(value, datetime):
        return {"type": "datetime", "value": value.isoformat()}
    return {"type": type(value).__name__, "value": value}


def value_of(mark: Mark) -> Any:
    """Return the key that a mark stands for."""
    return datetime.fromisoformat(mark["value"]) if mark["type"] == "datetime" else mark["value"]


class SqlReader:
    """Reads what a table holds behind a mark, once, in the order of its key.

    The key must be unique and only grow. A row that is committed with a smaller key than one already taken is
    never seen, so a source with concurrent writers needs a key that is given at commit.

    Args:
        settings: ``source_url`` names the database.
        project: ``data.source`` names table and columns.
        after: the mark of the round before; None reads from the beginning.

    Attributes:
        name: the source's name in rounds, such as ``sql:scans``.
        mark: behind the last item given so far.
    """

    def __init__(self, settings: Settings, project: Project, after: Mark | None) -> None:
        self.settings, self.spec, self.mark = settings, project.data.source, after
        self.name = sql_name(project)
        self.where = f"source table {self.spec.table}"

    def items(self) -> Iterator[Item]:
        """Yield the items behind the mark, up to the greatest key at the beginning.

        Raises:
            SourceError: the table is not as project.yaml says, or was replaced by an older one.
            SourceUnavailable: the database does not answer, or broke off.
        """
        from sqlalchemy import func, select

        with self._connected() as connection:
            table = self._table(connection)
            key = table.c[self.spec.key]
            last = connection.execute(select(func.max(key))).scalar()
            if last is None:
                return
            seen = value_of(self.mark) if self.mark else None
            self._not_back(seen, last)
            names = [self.spec.key, self.spec.content, self.spec.label, self.spec.taken_at]
            columns = [table.c[name].label(f"c{place}") for place, name in enumerate(names) if name]
            while seen != last:
                page = select(*columns).where(key <= last).order_by(key).limit(self.spec.fetch_rows)
                rows = connection.execute(page if seen is None else page.where(key > seen)).mappings().all()
                for row in rows:
                    if row["c0"] == seen:
                        raise SourceError(self.where, f"the key {seen!r} occurs twice", f"Column {self.spec.key} must be unique")
                    seen = row["c0"]
                    self.mark = mark_of(seen, self.where)
                    yield self._item(row)
                if not rows:
                    return

    def _item(self, row: Any) -> Item:
        content, label, taken = row["c1"], row.get("c2"), row.get("c3")
        if isinstance(content, str):
            content = content.encode()
        return Item(
            key=str(row["c0"]),
            content=bytes(content) if isinstance(content, bytes | bytearray | memoryview) else b"",
            label=None if label is None else str(label),
            taken_at=_time(taken, f"{self.where}, key {row['c0']}"),
            source=self.name,
        )

    def _not_back(self, seen: Any, last: Any) -> None:
        try:
            back = seen is not None and last < seen
        except TypeError as cause:
            problem = f"the key was {type(seen).__name__} and is {type(last).__name__} now"
            raise SourceError(self.where, problem, "Give the changed table another name") from cause
        if back:
            problem = f"its greatest key {last!r} lies below {seen!r}, which was collected before"
            raise SourceError(self.where, problem, "The table was emptied or replaced: keys must only grow")

    def _table(self, connection: Connection) -> Table:
        from sqlalchemy import MetaData, Table
        from sqlalchemy.exc import NoSuchTableError

        schema, _, name = self.spec.table.rpartition(".")
        try:
            table = Table(name, MetaData(), schema=schema or None, autoload_with=connection)
        except NoSuchTableError as cause:
            raise SourceError(self.where, "there is no such table", "Correct data.source.table, or fill the source") from cause
        wanted = [self.spec.key, self.spec.content, self.spec.label, self.spec.taken_at]
        if missing := [name for name in wanted if name and name not in table.c]:
            problem = f"it has no column {', '.join(missing)}; it has {', '.join(table.c.keys())}"
            raise SourceError(self.where, problem, "Correct data.source in project.yaml")
        return table

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
        from sqlalchemy.pool import NullPool

        url = self.settings.source_url.get_secret_value()
        if not url:
            raise SourceError(self.where, "no database is named", "Set DEVMLOPS_SOURCE_URL")
        try:
            engine = create_engine(url, poolclass=NullPool)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
            problem, advice = (
                "the database's address is not usable",
                "Set DEVMLOPS_SOURCE_URL to a SQLAlchemy URL with an installed driver",
            )
            raise SourceError(self.where, problem, advice) from None  # the cause may quote the password
        try:
            with engine.connect() as connection:
                yield connection
        except DBAPIError as cause:
            problem = f"{engine.url.get_backend_name()} says: {cause.orig}"
            raise SourceUnavailable(self.where, problem, "Look after the database, then try again") from cause
        finally:
            engine.dispose()


def sql_name(project: Project) -> str:
    """Return the name of the project's SQL source, as rounds and marks carry it."""
    return f"sql:{project.data.source.table}"


def _time(value: Any, where: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as cause:
        raise SourceError(where, f"{value!r} is no time", "Times are ISO 8601, such as 2026-01-31T09:00:00+09:00") from cause
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
