"""The client of Label Studio and its errors, without a server that is really one."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.clients.labelling import (
    LabellingClient,
    LabellingDenied,
    LabellingError,
    LabellingRefused,
    LabellingUnreachable,
)
from include.errors import FinalError
from include.settings import Settings

TOKEN = "아주-비밀-token"


class Answers:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, b"{}", list[tuple[str, str, str]]()
        self.pages: Callable[[str], bytes] | None = None


@pytest.fixture
def server() -> Iterator[tuple[str, Answers]]:
    answers = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answers.asked.append((self.command, self.path, self.headers["Authorization"]))
            body = answers.pages(self.path) if answers.pages else answers.body
            self.send_response(answers.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", answers
    made.shutdown()
    made.server_close()
    thread.join()


def client(url: str, token: str = TOKEN) -> LabellingClient:
    return LabellingClient(Settings(labelling_url=url, labelling_token=token), timeout_s=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (401, b'{"detail": "Invalid token."}', LabellingDenied, "legacy tokens"),
        (403, b"", LabellingDenied, "DEVMLOPS_LABELLING_TOKEN"),
        (404, b'{"detail": "No Project"}', LabellingRefused, "No Project"),
        (400, b'{"validation_errors": {"title": ["too long"]}}', LabellingRefused, "too long"),
        (500, b"<html>", LabellingUnreachable, "its log"),
        (429, b"", LabellingUnreachable, "try again"),
        (200, b"<html>", LabellingRefused, "no JSON"),
    ],
)
def test_errors_say_what_to_do(server: Any, status: int, body: bytes, kind: type, told: str) -> None:
    url, answers = server
    answers.status, answers.body = status, body
    with client(url) as one, pytest.raises(kind, match=told) as error:
        one.project(3)
    assert isinstance(error.value, LabellingError) and isinstance(error.value, FinalError) == (kind is not LabellingUnreachable)
    assert TOKEN not in str(error.value) and error.value.status == status
    assert url in error.value.where


def test_nobody_there(free_port: Callable[[], int]) -> None:
    with client(f"http://127.0.0.1:{free_port()}") as one, pytest.raises(LabellingUnreachable, match="make labelling") as error:
        one.people()
    assert TOKEN not in str(error.value)


def test_no_token() -> None:
    with client("http://127.0.0.1:1", "") as one, pytest.raises(LabellingDenied, match="not set"):
        one.people()


def test_tasks_come_page_by_page(server: Any) -> None:
    url, answers = server

    def page(path: str) -> bytes:
        number = int(path.partition("&page=")[2].partition("&")[0])
        return json.dumps({"tasks": [{"id": n} for n in range(3 * number - 3, min(3 * number, 7))], "total": 7}).encode()

    answers.pages = page
    with client(url) as one:
        assert [task["id"] for task in one.tasks(5, page_size=3)] == list(range(7))
    assert len(answers.asked) == 3
    assert "data" not in answers.asked[0][1].partition("include=")[2]


def test_a_project_is_found_by_its_exact_title(server: Any) -> None:
    url, answers = server
    found = [{"id": 9, "title": "가 v1"}, {"id": 4, "title": "가 v1"}, {"id": 2, "title": "가 v10"}]
    answers.body = json.dumps({"results": found, "next": None}).encode()
    with client(url) as one:
        assert one.ensure_project("가 v1", "<View/>")["id"] == 4
        assert one.find_project("나") is None
    assert {method for method, *_ in answers.asked} == {"GET"}


def test_a_project_that_another_run_made_at_once_is_dropped(server: Any) -> None:
    url, answers = server
    lists = [[], [{"id": 7, "title": "가"}, {"id": 8, "title": "가"}]]

    def body(path: str) -> bytes:
        method = answers.asked[-1][0]
        if method == "POST":
            return b'{"id": 8, "title": "\xea\xb0\x80"}'
        return json.dumps({"results": lists.pop(0), "next": None}).encode() if method == "GET" else b"{}"

    answers.pages = body
    with client(url) as one:
        assert one.ensure_project("가", "<View/>")["id"] == 7
    assert answers.asked[-1][:2] == ("DELETE", "/api/projects/8")


def test_a_task_that_is_gone_counts_as_deleted(server: Any) -> None:
    url, answers = server
    answers.status = 404
    with client(url) as one:
        one.delete_task(3)
