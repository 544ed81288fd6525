"""One `make up`: prepares, starts and waits for all services at once, and heals those that are stuck."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.local.errors import PlatformError
from include.local.prepare import preparations
from include.local.services import Service
from include.local.supervisor import Program, log_path, tail

if TYPE_CHECKING:
    from include.local.platform import Platform

STUCK_S = 20.0  # a service that ran before and says nothing for so long is started anew


@dataclass
class Progress:
    """How far one service or preparing step is.

    Attributes:
        name: the service or step.
        seconds: since `up` began, until it was ready.
        waits: what it waits for, None when it is ready.
    """

    name: str
    seconds: float
    waits: str | None


Report = Callable[[list[Progress]], None]


class Start:
    """One `up`: prepares, starts and waits, all at once.

    Args:
        platform: whose services they are.
        wanted: the services that must be healthy.
        timeout_s: seconds for all of it.
        report: is called again and again with the progress of all parts.
        pool: where the preparing steps run.
    """

    def __init__(
        self, platform: Platform, wanted: list[Service], timeout_s: float, report: Report, pool: ThreadPoolExecutor
    ) -> None:
        self.platform, self.wanted, self.report = platform, wanted, report
        self.begin = time.monotonic()
        self.timeout_s, self.pool = timeout_s, pool
        steps = preparations(platform)
        needed = dict.fromkeys(need for service in wanted for need in service.needs)
        self.steps: dict[str, Future[None]] = {name: pool.submit(steps[name]) for name in needed}
        self.progress = {name: Progress(name, 0, "in work") for name in [*self.steps, *(s.name for s in wanted)]}
        self.launched: dict[str, float] = {}
        self.healed: set[str] = set()
        self.before = {name for name, program in platform.supervisor.programs().items() if program.is_up}

    def run(self) -> dict[str, float]:
        """Return the seconds each service took, when all are healthy."""
        while True:
            self._launch()
            self._look()
            self.report(list(self.progress.values()))
            waiting = [s for s in self.wanted if self.progress[s.name].waits]
            if not waiting:
                return {s.name: self.progress[s.name].seconds for s in self.wanted}
            if time.monotonic() - self.begin > self.timeout_s:
                raise self._late(waiting)
            time.sleep(0.15)

    def _done(self, name: str) -> None:
        self.progress[name] = Progress(name, time.monotonic() - self.begin, None)

    def _launch(self) -> None:
        for name, future in self.steps.items():
            if self.progress[name].waits and future.done():
                try:
                    future.result()
                except PlatformError:
                    raise
                except Exception as cause:
                    raise PlatformError(f"preparing {name} failed: {cause}") from cause
                self._done(name)
        for service in self.wanted:
            if service.name in self.launched:
                continue
            missing = [need for need in service.needs if self.progress[need].waits]
            if missing:
                self.progress[service.name].waits = f"waits for {', '.join(missing)}"
                continue
            if service.write_spec(self.platform.places) and service.name in self.before:
                self._restart(service.name)
            self.platform.supervisor.start_program(service.name)
            self.launched[service.name] = time.monotonic()

    def _restart(self, name: str) -> None:
        self.healed.add(name)
        self.platform.supervisor.stop_program(name)
        self.platform.supervisor.start_program(name)
        self.launched[name] = time.monotonic()

    def _look(self) -> None:
        programs = self.platform.supervisor.programs()
        for service in self.wanted:
            program = programs.get(service.name)
            if service.name in self.launched and (program is None or program.state == "FATAL"):
                raise self._failed(service, program)
        waiting = [s for s in self.wanted if self.progress[s.name].waits]
        for service, problem in zip(waiting, self.pool.map(lambda s: self._problem(s, programs), waiting), strict=True):
            self.progress[service.name] = Progress(service.name, time.monotonic() - self.begin, problem)
            old = service.name in self.launched and service.name in self.before - self.healed
            if problem and old and self._is_stuck(service, programs[service.name], problem):
                self._restart(service.name)

    def _problem(self, service: Service, programs: dict[str, Program]) -> str | None:
        if service.name not in self.launched:
            return self.progress[service.name].waits
        program = programs[service.name]
        return service.check(program) if program.is_up else f"starts again ({program.state.lower()})"

    def _is_stuck(self, service: Service, program: Program, waits: str) -> bool:
        old = time.time() - program.started_at > STUCK_S
        return old and ("workers are gone" in waits or time.monotonic() - self.launched[service.name] > STUCK_S)

    def _failed(self, service: Service, program: Program | None) -> PlatformError:
        if program is None:
            return PlatformError("supervisord is gone: run `make up` again")
        file = log_path(self.platform.places, service.name)
        return PlatformError(
            f"{service.name} ends again and again. The end of {file}:\n{tail(file)}\nWhen the cause is removed: `make up`."
        )

    def _late(self, waiting: list[Service]) -> PlatformError:
        parts = []
        for service in waiting:
            file = log_path(self.platform.places, service.name)
            parts.append(f"{service.name}: {self.progress[service.name].waits}. The end of {file}:\n{tail(file, 8)}")
        return PlatformError(
            f"not healthy after {self.timeout_s:.0f} s:\n" + "\n".join(parts) + "\n`make up` tries again, `make down` stops all."
        )
