"""A collecting process is killed (SIGKILL) at every step, for every kind of source: the run's next try is undisturbed."""

from __future__ import annotations

import base64
import http.server
import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from include.data import rounds
from include.data.topic import Topic
from include.settings import ROOT

pytestmark = pytest.mark.integration

FIELDS = {"content": "pixels", "label": "digit", "taken_at": "at"}
KILLED = """
import base64, os, pickle, signal, sys
settings, project, step = pickle.loads(base64.b64decode(sys.stdin.read()))
from include import data
from include.clients.lakefs import DataRepository
from include.data import items
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "in the middle of the items":
    real = items.Item.__init__
    made = []
    def counted(self, *args, **named):
        made.append(1)
        die() if len(made) > 25 else real(self, *args, **named)
    items.Item.__init__ = counted
else:
    when, name = step.split()
    method = getattr(DataRepository, name)
    def after(self, *args, **named):
        method(self, *args, **named)
        die()
    setattr(DataRepository, name, die if when == "before" else after)
data.collect_round(settings, project, "dev", "r1", "developer")
"""
STEPS = [
    "after ensure",
    "after new_branch",
    "in the middle of the items",
    "before put",
    "after put",
    "before commit",
    "after commit",
]


@pytest.fixture
def api(record: Any) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps([record(n) for n in range(40)]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/scans"
    server.shutdown()
    server.server_close()
    thread.join()


def source(kind: str, world: Any, kafka: Any, api: str, record: Any) -> dict[str, Any]:
    """Fill a source of a kind with 40 records and return how project.yaml names it."""
    records = [record(n) for n in range(40)]
    home = world.settings.home
    if kind == "sql":
        return {"kind": "sql", "table": "scans", "content": "pixels", "label": "digit"}
    if kind == "files":
        (home / "in").mkdir()
        (home / "in" / "1.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
        return {"kind": kind, "url": str(home / "in"), "format": "jsonl", **FIELDS}
    if kind == "rest":
        return {"kind": kind, "url": api, "key": "id", **FIELDS}
    if kind == "topic":
        Topic.create(home / "topics", "scans").append([(None, one) for one in records])
        return {"kind": kind, "topic": "scans", **FIELDS}
    name = kafka.topic()
    kafka.send(name, records)
    return {"kind": kind, "topic": name, "servers": [kafka.server], **FIELDS}


@pytest.mark.parametrize("kind", ["sql", "files", "rest", "topic", "kafka"])
def test_a_process_that_is_killed(kind: str, using: Any, world: Any, kafka: Any, api: str, record: Any) -> None:
    using(**source(kind, world, kafka, api, record))
    steps = STEPS if kind in ("sql", "files") else STEPS[2::2]
    for step in steps:
        given = base64.b64encode(pickle.dumps((world.settings, world.project, step)))
        done = subprocess.run([sys.executable, "-c", KILLED], input=given, cwd=ROOT, capture_output=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert rounds.numbers(world.dev) == [], step  # one killed try after another, and main has nothing of any
    ref = using.merged("r1")
    assert ref["count"] == (200 if kind == "sql" else 40) and rounds.numbers(world.dev) == [1]
    assert len(set(using.all_keys())) == ref["count"] and world.collect("r2")["count"] == 0
