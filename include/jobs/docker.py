"""Running a job in a Docker container.

Its name is the job's id: a try that comes later finds it and goes on with it. It is removed when its end was seen, and
stays where the task or the engine died.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.jobs.container import ADVICE, container
from include.jobs.errors import UNPLACED, JobFailed, JobKilled, JobLost, NotHere, image_problem
from include.jobs.output import Output
from include.jobs.request import OnLine, Request

if TYPE_CHECKING:
    from docker import APIClient

GRACE_S = 8
LOST_AFTER_S = 30.0
MOST_TURNS = 100


class DockerJob:
    """One run of one job in a container.

    Args:
        request: the job.
        client: makes a client of the Docker engine; called anew where the engine went away, and from `kill`.
        lost_after_s: seconds that an engine may be away before the job is given up for this try.
    """

    def __init__(self, request: Request, client: Callable[[], APIClient], lost_after_s: float = LOST_AFTER_S) -> None:
        self.request, self._new_client, self.lost_after_s = request, client, lost_after_s
        self.killed = self.timed_out = False
        self._passed = 0  # lines that were passed on
        self._container: str | None = None  # its id: a later try may give the name to another one

    def run(self, on_line: OnLine) -> dict[str, Any]:
        """Run it to its end, or go on with the container of an earlier try.

        Raises:
            ImageMissing: the image cannot be had.
            NotHere: the engine has no such GPU, network, folder or number of processors.
            JobLost: the engine or the container went away.
            JobFailed: see `Output.outcome`.
        """
        output = Output(self.request, on_line)
        timer: threading.Timer | None = None
        lost = False
        try:
            state = self._reach(self._start, on_line)
            timer = self._timer(state)
            state = self._reach(self._follow, output)
            return output.outcome(
                int(state["ExitCode"]), oom=bool(state.get("OOMKilled")), killed=self.killed, timed_out=self.timed_out
            )
        except JobLost as gone:
            lost = not self.killed
            if output.result is not None:  # another try of this task saw the end first, and cleaned up
                return output.outcome(0)
            if self.killed:
                raise JobKilled(self.request.name, 15, output.tail) from gone
            raise
        finally:
            if timer:
                timer.cancel()
            if not lost:
                self._remove(0)

    def kill(self) -> None:
        """End the container, after it had time to clean up, and remove it; before this try has one, whichever has its name."""
        self.killed = True
        self._remove(GRACE_S)

    def _remove(self, grace_s: int) -> None:
        container = self._container or (self.request.id if self.killed else None)
        if container is None:
            return
        from docker.errors import APIError, DockerException, NotFound
        from requests.exceptions import RequestException

        try:
            client = self._new_client()
            try:
                if grace_s:
                    client.stop(container, timeout=grace_s)
                client.remove_container(container, force=True, v=True)
            except NotFound:
                pass
            except APIError as problem:
                if problem.status_code != 409:  # it is being removed already
                    raise
            finally:
                client.close()
        except (DockerException, RequestException, OSError):
            pass  # the engine is away: the container's name leads the next try to it

    def _reach(self, step: Callable[..., dict[str, Any]], argument: Any) -> dict[str, Any]:
        """Do one step; where the engine is away, wait for it and do the step again."""
        from docker.errors import APIError, DockerException, NotFound
        from requests.exceptions import RequestException

        away_since: float | None = None
        while True:
            client, begun = None, time.monotonic()
            try:
                client = self._new_client()
                return step(client, argument)
            except APIError as refused:
                if known := self._known(refused):
                    raise known from refused
                if isinstance(refused, NotFound):
                    raise JobLost(self.request.name, f"its container was removed ({_said(refused)})", []) from refused
                if not refused.is_server_error():
                    said = f"job {self.request.name}: the Docker engine refuses: {_said(refused)}"
                    raise JobFailed(self.request.name, UNPLACED, [], said) from refused
                problem: Exception = refused
            except (RequestException, DockerException, OSError) as away:
                problem = away
            finally:
                if client is not None:
                    client.close()
            if away_since is None or time.monotonic() - begun > self.lost_after_s:
                away_since = time.monotonic()  # the step went well for a while in between
            if self.killed or time.monotonic() - away_since > self.lost_after_s:
                raise JobLost(self.request.name, f"the Docker engine does not answer ({_said(problem)})", []) from problem
            time.sleep(1)

    def _start(self, client: APIClient, on_line: OnLine) -> dict[str, Any]:
        """Return the state of the job's running container: that of an earlier try, or a new one."""
        from docker.errors import APIError, NotFound

        name = self.request.id
        for _ in range(MOST_TURNS):
            if self.killed:
                break
            try:
                found = client.inspect_container(name)
            except NotFound:
                try:
                    self._create(client, on_line)
                except APIError as problem:
                    if problem.status_code != 409:
                        raise
                    time.sleep(0.2)  # another try of this task was faster, or an old container is still being removed
                continue
            labels, state = found["Config"]["Labels"] or {}, found["State"]
            mine = labels.get("devmlops.io/digest") == self.request.digest
            failed = state["Status"] in ("dead", "removing") or (state["Status"] == "exited" and state["ExitCode"] != 0)
            if not mine or failed:
                try:
                    client.remove_container(found["Id"], force=True, v=True)
                except APIError as problem:
                    if problem.status_code not in (404, 409):
                        raise
                    time.sleep(0.2)
                continue
            self._container = str(found["Id"])
            if state["Status"] == "created":
                client.start(self._container)
            else:
                on_line(f"going on with the container {name} of an earlier try")
            return dict(client.inspect_container(self._container)["State"])
        if self.killed:
            raise JobKilled(self.request.name, 15, [])
        raise JobLost(self.request.name, f"the name {name} does not become free on the engine", [])

    def _create(self, client: APIClient, on_line: OnLine) -> None:
        from docker.errors import APIError, ImageNotFound

        image = str(self.request.environment.image)
        try:
            client.create_container(**container(client, self.request))
            return
        except ImageNotFound:
            on_line(f"the image {image} is not on the engine yet: pulling it")
        try:
            tagged = image if ":" in image.rsplit("/")[-1] or "@" in image else f"{image}:latest"
            for progress in client.pull(tagged, stream=True, decode=True):
                if "error" in progress:
                    raise image_problem(self.request.name, image, progress["error"])
                if self.killed:
                    return
            client.create_container(**container(client, self.request))
        except APIError as problem:
            if problem.status_code == 409:
                raise
            raise image_problem(self.request.name, image, _said(problem)) from problem

    def _timer(self, state: dict[str, Any]) -> threading.Timer | None:
        limit = self.request.environment.timeout_s
        if limit is None:
            return None
        begun = datetime.fromisoformat(state["StartedAt"][:19] + "+00:00").timestamp()
        timer = threading.Timer(max(0.0, begun + limit - time.time()), self._time_out)
        timer.daemon = True
        timer.start()
        return timer

    def _time_out(self) -> None:
        self.timed_out = True
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            client = self._new_client()
            try:
                client.stop(self._container, timeout=GRACE_S)
            finally:
                client.close()
        except (DockerException, RequestException, OSError):
            pass  # the following notices that the engine is away

    def _follow(self, client: APIClient, output: Output) -> dict[str, Any]:
        """Pass the lines on until the container has ended, and return its last state.

        After an interruption the lines come again from the first, and are counted: with ``timestamps`` the engine puts
        a time into the middle of lines above 16 KiB.
        """
        for number, line in enumerate(_lines(client.logs(self._container, stream=True, follow=True)), 1):
            if number > self._passed:
                self._passed = number
                output.take(line)
        state = dict(client.inspect_container(self._container)["State"])
        if state["Running"]:
            raise ConnectionError("the log ended before the container did")
        return state

    def _known(self, problem: Any) -> JobFailed | None:
        """Return the error for what people can mend in the environment; the engine tells these apart by words alone."""
        said, environment = _said(problem), self.request.environment
        for sign, what in ADVICE.items():
            if sign in said:
                return NotHere(self.request.name, environment.name, said, what)
        return None


def _lines(stream: Iterator[bytes]) -> Iterator[str]:
    """Yield the lines of a log whose chunks end anywhere."""
    rest = b""
    for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace").rstrip("\r")


def _said(problem: Any) -> str:
    return " ".join(str(getattr(problem, "explanation", None) or problem).split())[:500]
