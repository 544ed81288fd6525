"""What is new, told cheaply: by a count, a listing, offsets or the first pages, and never by taking it."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from include import data
from include.data import rounds
from include.data.sources import pending
from include.data.topic import Topic

pytestmark = pytest.mark.integration


def look(world: Any) -> dict[str, Any]:
    return pending(world.settings, world.project, "dev")


def starting(world: Any, **start: Any) -> None:
    own = world.project.data.model_copy(update={"start": world.project.data.start.model_copy(update=start)})
    world.project = world.project.model_copy(update={"data": own})


def test_a_table_by_key(world: Any, using: Any, rows: Any) -> None:
    first = look(world)
    assert (first["new"], first["count"], first["sources"]) == (True, 200, {"sql:scans": 200})
    assert look(world) == first  # looking changes nothing
    using.merged("r1")
    after = look(world)
    assert (after["new"], after["count"]) == (False, 0) and after["state"] != first["state"]
    starting(world, min_new=6)
    world.insert(rows(200, 5))
    few = look(world)
    assert (few["new"], few["count"]) == (False, 5)
    world.insert(rows(205, 1))
    assert look(world)["new"] and look(world)["state"] != few["state"]


def test_a_table_by_time(world: Any, using: Any) -> None:
    using.change(time="scanned_at")
    using.merged("r1")
    assert look(world)["count"] == 0
    same = "2026-01-05T09:59:00+09:00"  # as late as the latest that was taken
    world.insert([(1001, bytes(64), 1, same), (1002, bytes(64), 2, "2026-01-06T00:00:00+09:00"), (1003, bytes(64), 2, None)])
    assert look(world)["count"] == 2
    assert world.collect("r2")["count"] == 2


def test_an_empty_table_and_none(world: Any, using: Any) -> None:
    world.insert([])
    using.change(table="empty")
    with pytest.raises(data.SourceError, match="no such table"):
        look(world)
    with sqlite3.connect(world.source) as connection:
        connection.execute("CREATE TABLE empty (id INTEGER PRIMARY KEY, pixels BLOB, digit INTEGER, scanned_at TEXT)")
    assert look(world)["count"] == 0 and not look(world)["new"]


def test_files(world: Any, using: Any, record: Any) -> None:
    folder = world.settings.home / "들어온 것"
    folder.mkdir()
    using(kind="files", url="들어온 것", format="jsonl", key="id", content="pixels", label="digit")
    assert look(world)["count"] == 0
    (folder / "하나.jsonl").write_text("".join(json.dumps(record(n)) + "\n" for n in range(12)), encoding="utf-8")
    first = look(world)
    assert first["count"] == 1
    using.merged("r1")
    assert look(world)["count"] == 0
    with (folder / "하나.jsonl").open("a") as file:
        file.write(json.dumps(record(12)) + "\n")
    assert look(world)["count"] == 1 and look(world)["state"] != first["state"]


def test_a_topic(world: Any, using: Any, record: Any) -> None:
    topic = Topic.create(world.settings.home / "topics", "scans", partitions=2)
    using(kind="topic", topic="scans", content="pixels", label="digit", max_records=20)
    assert look(world)["count"] == 0
    topic.append([(None, record(n)) for n in range(30)], partition=1)
    assert look(world)["count"] == 30
    using.limits(min_rows_per_class=0)
    using.merged("r1")
    assert look(world)["count"] == 10  # what a micro-batch left is still new


def test_an_api(world: Any, using: Any, record: Any) -> None:
    held, asked = [record(n) for n in range(1, 31)], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            asked.append(query)
            found = [one for one in held if one["id"] > int(query.get("after", 0))]
            page = int(query["page"])
            content = json.dumps(found[10 * (page - 1) : 10 * page]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/scans"
        pages = {"style": "page"}
        using(kind="rest", url=url, key="id", content="pixels", label="digit", pagination=pages, since="after")
        first = look(world)
        assert (first["new"], first["count"], len(asked)) == (True, 10, 1)  # one page says enough
        starting(world, min_new=25)
        assert (look(world)["count"], len(asked)) == (30, 4)
        using.merged("r1")
        asked.clear()
        assert not look(world)["new"] and asked == [{"page": "1", "after": "30"}]
        using.change(since=None)
        held.append(record(31))  # on the last page of an API that cannot be asked for what is new
        starting(world, min_new=1)
        assert look(world)["count"] == 1
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(data.SourceUnavailable):
        using.change(tries=1)
        look(world)


def test_an_object_store(world: Any, using: Any, record: Any) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    name = f"/in-{world.project.name}"
    store.pipe(f"{name}/a.jsonl", json.dumps(record(1)).encode())
    using(kind="files", url=f"memory:/{name}", format="jsonl", content="pixels", label="digit")
    assert look(world)["count"] == 1
    store.pipe(f"{name}/b.jsonl", json.dumps(record(2)).encode())
    assert look(world)["count"] == 2


def test_data_that_does_not_pass_keeps_one_state(world: Any, using: Any, rows: Any) -> None:
    world.insert([(900, b"short", 1, None)])
    before = look(world)
    with pytest.raises(data.DataCheckError):
        world.check(world.collect("r1"))
    assert look(world) == before and rounds.numbers(world.dev) == []


def test_nothing_is_made_by_looking(world: Any) -> None:
    look(world)
    with pytest.raises(data.DataError):
        world.dev.head("main")
