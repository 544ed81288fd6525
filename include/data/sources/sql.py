"""SQL: a table of the caller's database, read by a growing key or by a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.data import forms
from include.data.errors import SourceError, SourceUnavailable
from include.data.items import Item
from include.data.sources.base import Findings, Mark, Past, Pending, TimeMark, family, mark_of, time_of, value_of
from include.data.sources.records import label_text, short
from include.projects.content import ArrayContent, Content, TableContent
from include.projects.sources import SqlSource
from include.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table


class SqlReader:
    """Reads what a table holds behind a mark, once, in the order of its key or time.

    By key: it must be unique and only grow. A row that is committed with a smaller key than one already taken is
    never seen, so a source with concurrent writers needs a key that is given at commit, or a time.

    By time: rows that share the greatest time may come later and are taken then. A row whose time was set anew, as
    that of its last change is, is taken again with the same key: it is another state of that row.

    Args:
        settings: ``source_url`` names the database.
        spec: table and columns.
        name: the source's name in rounds, such as ``sql:scans``.
        past: ``mark`` of the round before; None reads from the beginning.
        form: the form of an item.
    """

    def __init__(self, settings: Settings, spec: SqlSource, name: str, past: Past, form: Content) -> None:
        self.settings, self.spec, self.name, self.form = settings, spec, name, form
        self.mark: Mark | None = past.mark
        self.findings = Findings(spec.needed)
        self.where = f"source table {spec.table}"

    def items(self) -> Iterator[Item]:
        """Yield the items behind the mark, up to the greatest key or time at the beginning.

        Raises:
            SourceError: the table is not as project.yaml says, or was replaced by an older one.
            SourceUnavailable: the database does not answer, or broke off.
        """
        with self._connected() as connection:
            table = self._table(connection)
            for row in self._by_time(connection, table) if self.spec.time else self._by_key(connection, table):
                self.findings.rows += 1
                try:
                    yield self._item(row)
                except ValueError as cause:
                    self.findings.reject(f"key {row['c0']}", str(cause))

    def objects(self) -> dict[str, bytes]:
        """Return nothing: the mark says it all."""
        return {}

    def pending(self, enough: int = 1) -> Pending:
        """Return how many rows lie behind the mark, by counting in the database."""
        from sqlalchemy import func, select

        with self._connected() as connection:
            table = self._table(connection)
            column = table.c[self.spec.time or self.spec.key]
            last = connection.execute(select(func.max(column))).scalar()
            begin = value_of(self.mark) if self.mark else None
            if last is None:
                return Pending(0, None)
            self._not_back(begin, last)
            count = select(func.count()).where(column.isnot(None))
            rows = connection.execute(count if begin is None else count.where(column > begin)).scalar_one()
            if self.spec.time and begin is not None:  # rows of the same time as the last taken may have come since
                done = frozenset((self.mark or {}).get("keys", ()))
                same = connection.execute(select(table.c[self.spec.key]).where(column == begin)).scalars()
                rows += sum(str(key) not in done for key in same)
        return Pending(rows, str(last))

    def _by_key(self, connection: Connection, table: Table) -> Iterator[Any]:
        from sqlalchemy import func, select

        if self.mark and "keys" in self.mark:
            problem = "it was collected by a time before, and project.yaml names none now"
            raise SourceError(self.where, problem, "Name the column as data.source.time again")
        key = table.c[self.spec.key]
        last = connection.execute(select(func.max(key))).scalar()
        if last is None:
            return
        seen = value_of(self.mark) if self.mark else None
        self._not_back(seen, last)
        columns = self._columns(table)
        while seen != last:
            page = select(*columns).where(key <= last).order_by(key).limit(self.spec.fetch_rows)
            rows = connection.execute(page if seen is None else page.where(key > seen)).mappings().all()
            for row in rows:
                if row["c0"] == seen:
                    raise SourceError(self.where, f"the key {seen!r} occurs twice", f"Column {self.spec.key} must be unique")
                seen = row["c0"]
                self.mark = mark_of(seen, self.where)
                yield row
            if not rows:
                return

    def _by_time(self, connection: Connection, table: Table) -> Iterator[Any]:
        from sqlalchemy import and_, func, or_, select

        key, moment = table.c[self.spec.key], table.c[str(self.spec.time)]
        progress = TimeMark(self.mark, self.where)
        last = connection.execute(select(func.max(moment))).scalar()
        if last is None:
            self._without_time(connection, key, moment)
            return
        self._not_back(progress.begin, last)
        columns = self._columns(table)
        place: tuple[Any, Any] | None = None
        while True:
            page = select(*columns).where(moment <= last).order_by(moment, key).limit(self.spec.fetch_rows)
            if place is not None:
                page = page.where(or_(moment > place[0], and_(moment == place[0], key > place[1])))
            elif progress.begin is not None:
                page = page.where(moment >= progress.begin)
            rows = connection.execute(page).mappings().all()
            for row in rows:
                now = (row["time"], row["c0"])
                if now == place:
                    raise SourceError(self.where, f"the key {now[1]!r} occurs twice", f"Column {self.spec.key} must be unique")
                place = now
                if progress.new(now[0], str(now[1])):
                    yield row
            if not rows:
                break
        self._without_time(connection, key, moment)
        self.mark = progress.mark()

    def _without_time(self, connection: Connection, key: Any, moment: Any) -> None:
        from sqlalchemy import func, select

        count, example = connection.execute(select(func.count(), func.min(key)).where(moment.is_(None))).one()
        if count:
            self.findings.hold(f"key {example}", f"the column {self.spec.time} is null", count)
        self.findings.settle(first=self.mark is None)

    def _columns(self, table: Table) -> list[ColumnElement[Any]]:
        single = self.spec.content if isinstance(self.spec.content, str) else None
        names = [self.spec.key, single, self.spec.label, self.spec.taken_at, self.spec.group]
        columns: list[ColumnElement[Any]] = []
        for place, name in enumerate(names):
            if name and name in table.c:
                columns.append(table.c[name].label(f"c{place}"))
        if isinstance(self.form, TableContent):
            columns += [table.c[name].label(f"f{place}") for place, name in enumerate(self.form.columns) if name in table.c]
        return columns + ([table.c[self.spec.time].label("time")] if self.spec.time else [])

    def _item(self, row: Any) -> Item:
        label, taken, group = row.get("c2"), row.get("c3"), row.get("c4")
        return Item(
            key=short(row["c0"]),
            content=self._content(row),
            label=label_text(label),
            taken_at=time_of(taken, f"{self.where}, key {row['c0']}"),
            source=self.name,
            group=None if group is None or group == "" else short(group),
        )

    def _content(self, row: Any) -> bytes:
        """Return the content of a row; an array of another size is left to the checks of the round.

        Raises:
            ValueError: it is no item of the project's form.
        """
        if isinstance(self.form, TableContent):
            values = enumerate(self.form.columns)
            return forms.dump_row({name: row[f"f{place}"] for place, name in values if f"f{place}" in row}, self.form)
        content = row["c1"]
        if not isinstance(self.form, ArrayContent):
            return forms.encode(content, self.form)
        if isinstance(content, str):
            content = content.encode()
        return bytes(content) if isinstance(content, bytes | bytearray | memoryview) else b""

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
        if missing := [name for name in self.spec.needed if name not in table.c]:
            self.findings.absent(missing, self.where)
            if {self.spec.key, *self.spec.contents, self.spec.time} & set(missing):
                problem = f"it has no column {', '.join(missing)}; it has {', '.join(table.c.keys())}"
                raise SourceError(self.where, problem, "Correct data.source in project.yaml, or the table")
        for name, column in table.c.items():
            self.findings.column(name, _family(column))
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


def _family(column: Any) -> str:
    try:
        return family(column.type.python_type)
    except NotImplementedError:  # a type of the database's own
        return str(column.type).lower()
