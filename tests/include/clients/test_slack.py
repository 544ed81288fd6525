"""The Slack client against a server of its own: what it sends, and every way to fail."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from include.clients.slack import SlackClient, SlackError, escape
from include.settings import Settings

TOKEN = "xoxb-1-very-secret"


class FakeSlack:
    """Answers chat.postMessage with what the test laid ready; the last answer stays.

    Attributes:
        answers: status, headers, body; a body that is a dict is sent as JSON. A status of 0 hangs up.
        got: what came: path, token, fields.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = [(200, {}, {"ok": True, "channel": "C1", "ts": "1.5"})]
        self.got: list[dict[str, Any]] = []
        self.stop = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = json.loads(raw) if raw.startswith("{") else {k: v[0] for k, v in parse_qs(raw).items()}
                fake.got.append({"path": self.path, "token": self.headers["Authorization"], **fields})
                status, headers, body = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
                if status == 0:
                    self.connection.close()
                    return
                if status < 0:
                    fake.stop.wait(10)
                    return
                content = json.dumps(body).encode() if isinstance(body, dict) else body
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeSlack()
    yield fake
    fake.stop.set()
    fake.server.shutdown()
    fake.server.server_close()


def client(url: str, token: str = TOKEN, timeout_s: float = 2) -> SlackClient:
    return SlackClient(Settings(slack_token=SecretStr(token), slack_url=url, slack_channel="#경보"), timeout_s)


def test_a_message_is_sent_with_text_and_blocks(slack: FakeSlack) -> None:
    sent = client(slack.url).send("한글 <ok>", [{"type": "divider"}])
    assert sent == {"channel": "C1", "ts": "1.5"}
    (got,) = slack.got
    assert got["path"] == "/api/chat.postMessage" and got["token"] == f"Bearer {TOKEN}"
    assert got["channel"] == "#경보" and got["text"] == "한글 <ok>"
    assert got["blocks"] in ([{"type": "divider"}], '[{"type": "divider"}]')


def test_another_channel(slack: FakeSlack) -> None:
    client(slack.url).send("x", channel="C9")
    assert slack.got[0]["channel"] == "C9"


def failing(slack: FakeSlack, caplog: pytest.LogCaptureFixture, code: str, sender: SlackClient | None = None) -> SlackError:
    """Send, expect the error ``code``, and see that the token is in no text and no log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SlackError) as caught:
        (sender or client(slack.url)).send("hello")
    error = caught.value
    chain = [repr(error), str(error), repr(error.__cause__), caplog.text]
    assert error.code == code and error.what_to_do and not any("very-secret" in text for text in chain)
    assert error.__suppress_context__ or error.__context__ is None
    return error


@pytest.mark.parametrize("code", ["invalid_auth", "channel_not_found", "something_new"])
def test_a_refusal_says_what_to_do(slack: FakeSlack, caplog: pytest.LogCaptureFixture, code: str) -> None:
    slack.answers = [(200, {}, {"ok": False, "error": code})]
    error = failing(slack, caplog, code)
    assert code in str(error)


def test_a_short_rate_limit_is_waited_for(slack: FakeSlack) -> None:
    slack.answers = [(429, {"Retry-After": "0"}, {"ok": False, "error": "ratelimited"}), slack.answers[0]]
    assert client(slack.url).send("x")["ts"] == "1.5" and len(slack.got) == 2


@pytest.mark.parametrize("headers", [{"Retry-After": "120"}, {}, {"Retry-After": "soon"}])
def test_a_long_rate_limit_is_told_at_once(slack: FakeSlack, caplog: pytest.LogCaptureFixture, headers: dict[str, str]) -> None:
    slack.answers = [(429, headers, {"ok": False, "error": "ratelimited"})]
    failing(slack, caplog, "ratelimited")
    assert len(slack.got) == 1


def test_a_rate_limit_that_stays_is_told(slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    slack.answers = [(429, {"Retry-After": "0"}, {"ok": False, "error": "ratelimited"})]
    failing(slack, caplog, "ratelimited")
    assert len(slack.got) == 2


@pytest.mark.parametrize("status", [0, -1])
def test_a_connection_that_breaks_or_hangs(slack: FakeSlack, caplog: pytest.LogCaptureFixture, status: int) -> None:
    slack.answers = [(status, {}, b"")]
    failing(slack, caplog, "unreachable", client(slack.url, timeout_s=1))


def test_nobody_there(slack: FakeSlack, caplog: pytest.LogCaptureFixture, free_port: Callable[[], int]) -> None:
    failing(slack, caplog, "unreachable", client(f"http://127.0.0.1:{free_port()}/"))


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>proxy</html>"), (500, b"oops"), (200, b"{"), (200, {"ok": True})])
def test_something_else_than_slack_answers(slack: FakeSlack, caplog: pytest.LogCaptureFixture, status: int, body: Any) -> None:
    slack.answers = [(status, {}, body)]
    failing(slack, caplog, "bad_answer")


@pytest.mark.parametrize("token", ["xoxb-very-secret\nx", "xoxb very-secret", "xoxb-very-secret한"])
def test_a_token_that_is_none(slack: FakeSlack, caplog: pytest.LogCaptureFixture, token: str) -> None:
    failing(slack, caplog, "bad_token", client(slack.url, token))
    assert slack.got == []


def test_no_token(slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    assert not client(slack.url, " ").enabled and client(slack.url).enabled
    failing(slack, caplog, "no_token", client(slack.url, " "))


def test_escaping() -> None:
    assert escape("<a&b>") == "&lt;a&amp;b&gt;" and escape(7) == "7"
    assert len(escape("x" * 9000)) < 3000
