"""Rounds from a JSON API: a real HTTP server that pages, limits, breaks off and lies."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from include import data
from include.data import rounds
from include.data.sources import http

pytestmark = pytest.mark.integration

TOKEN = "s3cret-token"
Answer = tuple[int, dict[str, str], Any]


class Api:
    """An API whose answers a test says: ``answer(query, headers)`` gives status, headers and body."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.at: list[float] = []
        self.answer: Callable[[dict[str, str], Any], Answer] = lambda *_: (200, {}, [])
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = dict(parse_qsl(urlsplit(self.path).query))
                api.asked.append(query)
                api.at.append(time.monotonic())
                status, headers, body = api.answer(query, self.headers)
                if status == 0:  # broken off in the middle
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b"[{")
                    self.wfile.flush()
                    self.connection.close()
                    return
                content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/scans"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def rest(using: Any, api: Api) -> Callable[..., Any]:
    """Return what points the world's project at the API."""

    def point(**more: Any) -> Any:
        fields = {"key": "id", "content": "pixels", "label": "digit", "taken_at": "at", "url": api.url, **more}
        return using(kind="rest", **{name: value for name, value in fields.items() if value is not None})

    return point


def test_numbered_pages_and_only_what_is_new(rest: Any, using: Any, api: Api, record: Any) -> None:
    there = [record(n) for n in range(1, 46)]

    def answer(query: dict[str, str], _: Any) -> Answer:
        rows = [one for one in there if one["id"] > int(query.get("after", 0))]
        begin = (int(query["page"]) - 1) * int(query["per_page"])
        return 200, {}, {"자료": {"목록": rows[begin : begin + int(query["per_page"])]}}

    api.answer = answer
    pages = {"style": "page", "size_parameter": "per_page", "size": 20}
    world = rest(pagination=pages, records="자료.목록", since="after", params={"site": "서울"})
    assert using.merged("r1")["count"] == 45
    assert [one["page"] for one in api.asked] == ["1", "2", "3", "4"] and api.asked[0]["site"] == "서울"
    assert world.collect("r2")["count"] == 0 and api.asked[-1]["after"] == "45"
    there += [record(n) for n in range(46, 60)]
    second = using.merged("r3")
    assert second["count"] == 14 and using.all_keys() == [str(n) for n in range(1, 60)]
    assert using.described(second)["high_water_marks"] == {f"rest:{api.url}": {"type": "int", "value": 59}}


def test_cursors_in_any_order_with_repeats(rest: Any, using: Any, api: Api, record: Any) -> None:
    pages = {"": ([9, 8, 7, 12], "b"), "b": ([7, 6, 11, 10], "다음 &=?"), "다음 &=?": ([5, 4, 3, 2, 1], None)}

    def answer(query: dict[str, str], _: Any) -> Answer:
        numbers, cursor = pages[query.get("cursor", "")]
        return 200, {}, {"items": [record(n) for n in numbers], "meta": {"next": cursor}}

    api.answer = answer
    using.limits(min_rows_per_class=0)
    world = rest(pagination={"style": "cursor", "next": "meta.next"}, records="items")
    ref = using.merged("r1")
    assert sorted(map(int, using.keys(ref))) == list(range(1, 13))
    assert using.described(ref)["findings"]["repeated"] == 1
    assert world.collect("r2")["count"] == 0


@pytest.mark.parametrize("header", [True, False])
def test_links(rest: Any, using: Any, api: Api, record: Any, header: bool) -> None:
    def answer(query: dict[str, str], _: Any) -> Answer:
        place = int(query.get("p", 0))
        rows = [record(n) for n in range(place * 10 + 1, place * 10 + 11)]
        way = f"/v1/scans?p={place + 1}&size=10" if place < 2 else None
        if header:
            return 200, {"Link": f'<{way}>; rel="next", </>; rel="first"'} if way else {}, {"rows": rows}
        return 200, {}, {"rows": rows, "next": way}

    api.answer = answer
    rest(pagination={"style": "link"} | ({} if header else {"next": "next"}), records="rows", params={"size": "10"})
    assert using.merged("r1")["count"] == 30
    assert api.asked == [{"size": "10"}, {"p": "1", "size": "10"}, {"p": "2", "size": "10"}]


def test_records_of_equal_time_come_late(rest: Any, using: Any, api: Api, record: Any) -> None:
    there = [record(n, id=f"열쇠-{n}", changed="2026-01-05T09:00:00+09:00") for n in range(20)]
    api.answer = lambda *_: (200, {}, there)
    world = rest(time="changed", since="changed_since")
    assert using.merged("r1")["count"] == 20
    using.limits(min_rows=1, min_rows_per_class=0)
    there.append(record(77, id="열쇠-0a", changed="2026-01-05T00:00:00Z"))  # the same moment in another zone
    there.append(record(78, id="열쇠-0b", changed="2026-01-05T08:59:59+09:00"))  # before the mark: never looked for
    ref = using.merged("r2")
    assert using.keys(ref) == ["열쇠-0a"] and api.asked[-1]["changed_since"] == "2026-01-05T00:00:00+00:00"
    assert world.collect("r3")["count"] == 0


def test_records_without_key_that_are_allowed_are_no_news_by_themselves(rest: Any, using: Any, api: Api, record: Any) -> None:
    api.answer = lambda *_: (200, {}, [*(record(n) for n in range(20)), {"digit": 1}, record(3, id=2.5)])
    world = rest()
    with pytest.raises(
        data.DataCheckError, match=r"bad_rows is 0\.0909.*2 records such as page 1, record 21: the field id is missing"
    ):
        world.check(world.collect())
    using.limits(max_bad_rows=0.1)
    assert using.merged("r2")["count"] == 20 and world.collect("r3")["count"] == 0


def test_tries_again_and_waits_as_asked(rest: Any, using: Any, api: Api, record: Any) -> None:
    script: list[Answer] = [
        (503, {}, b"down"),
        (429, {"Retry-After": "1"}, b"slowly"),
        (0, {}, b""),
        (429, {"Retry-After": formatdate(time.time() - 60, usegmt=True)}, b""),
        (200, {}, [record(n) for n in range(20)]),
    ]
    api.answer = lambda *_: script[len(api.asked) - 1]
    rest()
    assert using.merged("r1")["count"] == 20
    assert len(api.asked) == 5 and api.at[2] - api.at[1] >= 1


def test_gives_up_and_leaves_nothing(rest: Any, using: Any, api: Api, record: Any) -> None:
    def answer(query: dict[str, str], _: Any) -> Answer:
        return (200, {}, [record(n) for n in range(20)]) if query["page"] == "1" else (500, {}, b"boom")

    api.answer = answer
    world = rest(pagination={"style": "page"}, tries=3)
    with pytest.raises(data.SourceUnavailable, match="HTTP 500, 3 times"):
        world.collect()
    assert len(api.asked) == 4 and not world.dev.has(rounds.branch_name("r1", f"rest:{api.url}"))
    api.answer = lambda query, _: (200, {}, [record(n) for n in range(20)] if query["page"] == "1" else [])
    assert using.merged("r1")["count"] == 20
    api.answer = lambda *_: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(data.SourceUnavailable, match="asks to wait 3600 s, longer than max_wait_s"):
        world.collect("r2")
    api.server.shutdown()
    api.server.server_close()
    with pytest.raises(data.SourceUnavailable, match="no answer"):
        world.collect("r2")


def test_no_more_requests_a_second_than_allowed(rest: Any, api: Api, record: Any) -> None:
    api.answer = lambda query, _: (200, {}, [record(int(query["page"]))] if int(query["page"]) < 5 else [])
    rest(pagination={"style": "page"}, requests_per_s=10).collect()
    # Over all of them: the one that a busy machine lets in late is followed by its successor all the sooner.
    assert len(api.at) == 5 and api.at[-1] - api.at[0] >= 0.35


def test_the_token_is_sent_and_never_said(
    rest: Any, using: Any, api: Api, record: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(_: dict[str, str], headers: Any) -> Answer:
        fine = headers["Authorization"] == f"Bearer {TOKEN}"
        return (200, {}, [record(n) for n in range(20)]) if fine else (401, {}, headers["Authorization"] or "none")

    api.answer = answer
    caplog.set_level(logging.DEBUG)
    world = rest(token_env="SCANS_TOKEN")
    with pytest.raises(data.SourceError, match="variable SCANS_TOKEN holds no token"):
        world.collect()
    monkeypatch.setenv("SCANS_TOKEN", f"{TOKEN} wrong")
    with pytest.raises(data.SourceError, match="no bearer token has") as caught:
        world.collect()
    assert TOKEN not in str(caught.value)
    monkeypatch.setenv("SCANS_TOKEN", f"{TOKEN}-old")
    with pytest.raises(data.SourceError, match=r"refuses this caller \(HTTP 401") as caught:
        world.collect()
    assert TOKEN not in str(caught.value)
    monkeypatch.setenv("SCANS_TOKEN", f"{TOKEN}\n")
    ref = world.collect()
    secret = type(world.settings.source_url)(api.url.replace("//", f"//user:{TOKEN}@"))
    world.settings = world.settings.model_copy(update={"source_url": secret})
    world = rest(url=None)
    assert world.collect() == {**ref, "new": False}  # address and token from the connection: the same source
    assert world.collect("r2")["count"] == 20
    assert TOKEN not in caplog.text and TOKEN not in json.dumps(using.described(ref))


@pytest.mark.parametrize(
    ("answer", "more", "says"),
    [
        ((200, {}, {"rows": []}), {}, "its answer is object, wanted a list"),
        ((200, {}, []), {"records": "a.b"}, "field a.b of its answer is missing"),
        ((200, {}, b"<html>log in"), {}, "no JSON"),
        ((200, {}, b"[" * 100_000), {}, "no JSON"),
        ((404, {}, b""), {}, "HTTP 404"),
        ((302, {"Location": "http://example.org/"}, b""), {}, "has moved .HTTP 302"),
        ((200, {"Link": '<http://example.org/2>; rel="next"'}, []), {"pagination": {"style": "link"}}, "leads to another place"),
        ((200, {"Link": '</v1/scans>; rel="next"'}, []), {"pagination": {"style": "link"}}, "never ends"),
        ((200, {}, [{"id": 1}]), {"pagination": {"style": "page"}}, "never ends"),
        ((200, {}, {"r": [], "n": "x"}), {"pagination": {"style": "cursor", "next": "n"}, "records": "r"}, "never ends"),
        ((200, {}, [{"id": "abc"}]), {}, "'abc' is no whole number"),
        ((200, {}, [{"id": 1, "pixels": [1]}, {"id": None}, 7]), {}, "none of its 3 new rows is an item; digit, at is nowhere"),
    ],
)
def test_an_api_that_is_not_as_described(rest: Any, api: Api, answer: Answer, more: Any, says: str) -> None:
    api.answer = lambda *_: answer
    world = rest(**more)
    with pytest.raises(data.SourceError, match=says):
        world.collect()
    assert rounds.numbers(world.dev) == []


def test_an_answer_without_end(rest: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 1 << 20)
    api.answer = lambda *_: (200, {}, b"[" + b" " * (2 << 20) + b"]")
    with pytest.raises(data.SourceError, match="more than 1 MiB"):
        rest().collect()


def test_no_address(rest: Any) -> None:
    with pytest.raises(data.SourceError, match="no http or https address is named"):
        rest(url=None).collect()
