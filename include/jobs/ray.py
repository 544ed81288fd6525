"""Running a job on a Ray cluster, through its job server.

What Ray keeps of a job stays after it, so each try that finds none running has an id of its own: the job's id and a
number.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from include.clients.ray import RayError
from include.clients.ray_jobs import job_client, node_resources
from include.jobs.errors import UNPLACED, JobFailed, JobKilled, JobLost, JobOutOfMemory, JobUnplaced, NotHere
from include.jobs.output import Output
from include.jobs.request import OnLine, Request
from include.jobs.submission import MARK, bundle, submission

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
POLL_S = 0.5
LOST_AFTER_S = 30.0
# What Ray's job server says while its node or its agent is not ready; other errors of it are for people to mend.
PASSES = re.compile(r"status code 50[234]|No available agent|try again later|timed out", re.IGNORECASE)
# How Ray (2.60) tells that its memory monitor ended a process; a library's own OutOfMemoryError, such as torch's for a GPU, is
# an error of the job like any other.
LOW_ON_MEMORY = "due to the node running low on memory"
OUT_OF_MEMORY = re.compile(rf"(?<![\w.])ray\.exceptions\.(?:OutOfMemoryError\b|\w+: .*{LOW_ON_MEMORY})")
BY_FORCE = (-9, 137)


class RayJob:
    """One run of one job on a Ray cluster.

    Args:
        request: the job; its settings name the cluster's job server.
        lost_after_s: seconds that the server may be away before the job is given up for this try.
    """

    def __init__(self, request: Request, lost_after_s: float = LOST_AFTER_S) -> None:
        self.request, self.lost_after_s = request, lost_after_s
        self.killed = self.timed_out = False
        self.submission_id: str | None = None
        self._passed = 0
        self._waited_until = 0.0  # when this try last saw the job wait for its place
        self._ended = threading.Event()

    def run(self, on_line: OnLine) -> dict[str, Any]:
        """Run it to its end, or go on with the job of an earlier try.

        Raises:
            NotHere: the cluster has not what its environment asks for.
            JobUnplaced: no node had room in time.
            JobLost: the job server, or the job's node, went away.
            JobFailed: see `Output.outcome`.
        """
        output = Output(self.request, on_line)
        lost = False
        try:
            client = self._client()
            self._submit(client, on_line)
            info = self._follow(client, output)
            return self._outcome(info, output)
        except JobLost:
            lost = not self.killed
            if self.killed:
                raise JobKilled(self.request.name, 15, output.tail) from None
            raise
        finally:
            if not lost and not self._ended.is_set():
                self._stop()

    def kill(self) -> None:
        """Stop the job, and what it started on the cluster."""
        self.killed = True
        self._stop()

    def _client(self) -> JobSubmissionClient:
        try:
            return job_client(self.request.settings)
        except RayError as away:
            raise JobLost(self.request.name, str(away), []) from away

    def _stop(self) -> None:
        if self.submission_id is None:
            return
        with contextlib.suppress(RuntimeError, OSError, JobLost):  # it has ended, or the server is away
            client = self._client()
            client.stop_job(self.submission_id)
            until = time.monotonic() + 10
            # One that waits for its place ends when it gets it, or by Ray's own limit of 15 minutes.
            while time.monotonic() < until and _status(client.get_job_info(self.submission_id)) == "RUNNING":
                time.sleep(0.2)

    def _submit(self, client: JobSubmissionClient, on_line: OnLine) -> None:
        """Submit the job, or find that of an earlier try; a server that is away or not ready is waited for."""
        away_since: float | None = None
        while not self.killed:
            try:
                if self._begin(client, on_line):
                    return
                away_since = None
            except JobFailed:
                raise
            except (RuntimeError, OSError) as problem:
                if isinstance(problem, RuntimeError) and not PASSES.search(str(problem)):
                    raise self._refused(problem) from problem
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > self.lost_after_s:
                    said = " ".join(str(problem).split())[:500]
                    raise JobLost(self.request.name, f"the Ray job server takes no job ({said})", []) from problem
                time.sleep(1)

    def _begin(self, client: JobSubmissionClient, on_line: OnLine) -> bool:
        """Tell whether the job is there now; where it is not, it is worth looking again."""
        earlier = self._earlier(client)
        if earlier and _status(earlier[-1]) not in ENDED and not self._gave_up(earlier[-1]):
            found = earlier[-1]
            self.submission_id = found.submission_id
            if (found.metadata or {}).get("devmlops.io/digest") == self.request.digest:
                on_line(f"going on with the job {found.submission_id} of an earlier try")
                return True
            self._stop()  # it was asked for with other arguments
            return False
        wanted = f"{self.request.id}-{len(earlier) + 1}"
        self.submission_id = wanted  # before it is there, so that a kill from now on finds it
        with bundle(self.request, wanted) as folder:
            try:
                client.submit_job(**submission(self.request, wanted, folder))
            except RuntimeError as refused:
                if "already" not in str(refused):
                    raise
                return False  # another try of this task was faster
        return True

    def _gave_up(self, found: JobDetails) -> bool:
        """Tell whether an earlier try waited in vain for a place for this job, and told it to stop."""
        return _status(found) == "PENDING" and _age_s(found) > self.request.environment.start_minutes * 60

    def _earlier(self, client: JobSubmissionClient) -> list[JobDetails]:
        mine = [one for one in client.list_jobs() if (one.metadata or {}).get(MARK) == self.request.id]
        return sorted(mine, key=lambda one: int(str(one.submission_id).rpartition("-")[2]))

    def _follow(self, client: JobSubmissionClient, output: Output) -> JobDetails:
        """Pass the lines on until the job has ended, and return its last state."""
        away_since: float | None = None
        while True:
            begun = time.monotonic()
            try:
                return asyncio.run(self._tail(client, output))
            except JobFailed:
                raise
            except (TimeoutError, RuntimeError, OSError) as away:
                if away_since is None or time.monotonic() - begun > self.lost_after_s:
                    away_since = time.monotonic()
                if self.killed or time.monotonic() - away_since > self.lost_after_s:
                    raise JobLost(self.request.name, f"the Ray job server does not answer ({away})", output.tail) from away
            time.sleep(1)

    async def _tail(self, client: JobSubmissionClient, output: Output) -> JobDetails:
        """Follow log and state side by side: the log of a job that waits for its place does not come."""
        assert self.submission_id is not None
        reader = asyncio.create_task(self._read(client, output))
        try:
            while True:
                info = await asyncio.to_thread(client.get_job_info, self.submission_id)
                if _status(info) in ENDED:
                    break
                await self._limits(client, info)
                if reader.done() and reader.exception():
                    raise RuntimeError(f"the log ended: {reader.exception()}")
                await asyncio.sleep(POLL_S)
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, RuntimeError, OSError):
                await reader
        text = await asyncio.to_thread(client.get_job_logs, self.submission_id)
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
            if number > self._passed:
                self._passed = number
                output.take(line.rstrip("\r"))
        self._ended.set()
        return info

    async def _read(self, client: JobSubmissionClient, output: Output) -> None:
        assert self.submission_id is not None
        number, rest = 0, ""
        async for text in client.tail_job_logs(self.submission_id):
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                number += 1
                if number > self._passed:
                    self._passed = number
                    output.take(line.rstrip("\r"))

    async def _limits(self, client: JobSubmissionClient, info: JobDetails) -> None:
        """Stop a job that took too long, or that found no place in time."""
        asked, age_s = self.request.environment, _age_s(info)
        running = _status(info) == "RUNNING"
        if not running:
            self._waited_until = time.time()
        took_s = min(age_s, time.time() - self._waited_until)
        if running and asked.timeout_s and took_s > asked.timeout_s and not self.timed_out:
            self.timed_out = True
            await asyncio.to_thread(client.stop_job, str(self.submission_id))
        if not running and age_s > asked.start_minutes * 60:
            nodes = await asyncio.to_thread(node_resources, self.request.settings)
            has = f"; its nodes have {'; '.join(nodes)}" if nodes else ""
            what = f"no node of the Ray cluster had {_wish(self.request)} free for {asked.start_minutes:g} minutes{has}"
            raise JobUnplaced(self.request.name, what)

    def _outcome(self, info: JobDetails, output: Output) -> dict[str, Any]:
        said = " ".join((info.message or "").split())[:500]
        if _status(info) == "FAILED" and info.driver_exit_code is None:
            if "UNSCHEDULABLE" in str(info.error_type):
                raise JobUnplaced(self.request.name, f"the Ray cluster has no room for {_wish(self.request)} ({said})")
            if "START_TIMEOUT" in str(info.error_type):
                raise JobUnplaced(self.request.name, f"no node had {_wish(self.request)} free in time ({said})")
            if "RUNTIME_ENV" in str(info.error_type) or "START_FAILURE" in str(info.error_type):
                raise JobFailed(self.request.name, UNPLACED, output.tail, f"job {self.request.name}: Ray cannot start it: {said}")
            if LOW_ON_MEMORY in (info.message or ""):
                raise JobOutOfMemory(self.request.name, output.tail, self.request.environment)
            raise JobLost(self.request.name, f"its node went away ({said})", output.tail)
        if _status(info) == "STOPPED":
            return output.outcome(143, killed=not self.timed_out, timed_out=self.timed_out)
        code = info.driver_exit_code or 0
        oom = any(OUT_OF_MEMORY.search(line) for line in output.tail)
        likely = code in BY_FORCE and self.request.environment.memory is not None
        return output.outcome(code, oom=oom, likely_oom=likely, killed=self.killed, timed_out=self.timed_out)

    def _refused(self, refused: RuntimeError) -> JobFailed:
        said = " ".join(str(refused).split())[:500]
        return NotHere(
            self.request.name, self.request.environment.name, f"Ray refuses the job ({said})", "correct the environment"
        )


def _wish(request: Request) -> str:
    one = request.environment
    return f"{one.cpu or 1:g} CPU, {one.gpu or 0:g} GPU" + (f", {one.memory} memory" if one.memory else "")


def _age_s(info: JobDetails) -> float:
    return time.time() - (info.start_time or time.time() * 1000) / 1000


def _status(info: JobDetails) -> str:
    return str(getattr(info.status, "value", info.status))
