"""The local platform: brings all services up, heals them, takes them down."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from include.local.airflow_config import airflow_environment
from include.local.places import ROOT, Places, read_json, write_private
from include.local.ports import HOST, choose_ports
from include.local.processes import end_all, listens, marked, memory
from include.local.secrets import Secrets, load_secrets
from include.local.services import Service, base_environment, services, write_data_keys
from include.local.supervisor import Program, Supervisor, log_path, tail
from include.settings import Settings

STUCK_S = 20.0  # a service that ran before and says nothing for so long is started anew


class PlatformError(RuntimeError):
    """The platform could not be brought up or down; the message says which part, why and what to do."""


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


class Platform:
    """All processes of the product on one machine, under one home folder.

    Args:
        home: the home folder; by default the one of the settings (``DEVMLOPS_HOME``, else ``.devmlops``).
    """

    def __init__(self, home: Path | None = None) -> None:
        self.places = Places((home or Settings().home).expanduser().resolve())
        self.supervisor = Supervisor(self.places)

    @cached_property
    def secrets(self) -> Secrets:
        """Return keys, tokens and passwords, made on first use."""
        return load_secrets(self.places.secrets)

    @cached_property
    def ports(self) -> dict[str, int]:
        """Return the port of every service, chosen on first use."""
        ours = marked(self.places.home)
        return choose_ports(self.places.ports, lambda port: listens(ours, port))

    @cached_property
    def settings(self) -> Settings:
        """Return the settings by which anything talks to this platform."""
        ports, secrets, home = self.ports, self.secrets, self.places.home
        keys = {f"data_{zone}_{part}": secrets.data[zone][part] for zone in ("dev", "ops") for part in ("access_key", "secret_key")}
        url = f"http://{HOST}"
        given: dict[str, object] = {
            "home": home,
            "data_dev_url": f"{url}:{ports['data']}",
            "data_ops_url": f"{url}:{ports['data']}",
            **keys,
            "mlflow_url": f"{url}:{ports['mlflow']}",
            "triton_grpc_url": f"{HOST}:{ports['triton_grpc']}",
            "triton_http_url": f"{HOST}:{ports['triton_http']}",
            "triton_metrics_url": f"{url}:{ports['triton_metrics']}/metrics",
            "model_repository": self.places.triton / "models",
            "inference_url": f"{url}:{ports['inference']}",
            "inference_admin_token": secrets.inference_admin_token,
            "airflow_url": f"{url}:{ports['airflow']}",
            "webhook_token": secrets.webhook_token,
            "prediction_log": home / "inference" / "log",
        }
        own = Settings()
        if not own.source_url.get_secret_value():
            given["source_url"] = f"sqlite:///{home / 'source' / 'source.db'}"
        return Settings(**given)  # type: ignore[arg-type]

    @cached_property
    def services(self) -> dict[str, Service]:
        """Return the table of services by name."""
        return services(self.settings, self.places, self.ports, self.secrets)

    def environment(self) -> dict[str, str]:
        """Return the variables by which a shell, a test or a tool belongs to this platform, secrets included."""
        airflow = airflow_environment(self.places, self.ports, self.secrets)
        return {**self.settings.environment(), **airflow, "MLFLOW_TRACKING_URI": self.settings.mlflow_url}

    @contextlib.contextmanager
    def _alone(self, wait_s: float = 300) -> Iterator[None]:
        self.places.make()
        lock = FileLock(self.places.run / "platform.lock")
        try:
            lock.acquire(timeout=wait_s)
        except Timeout as cause:
            raise PlatformError(
                f"another `up` or `down` of {self.places.home} has been at work for {wait_s:.0f} s: wait for it or end it"
            ) from cause
        try:
            yield
        finally:
            lock.release()

    def up(self, only: Iterable[str] | None = None, timeout_s: float = 240, report: Report = lambda lines: None) -> dict[str, float]:
        """Start what does not run, restart what is stuck, and wait until every service is healthy.

        Args:
            only: names of services; all where it is None.
            timeout_s: how long to wait for all of them.
            report: is called again and again with the progress of all parts.

        Returns:
            Seconds from the call to health, by service.

        Raises:
            PlatformError: a part failed or is late; its last log lines are in the message.
        """
        with self._alone():
            self._take_over()
            names = list(self.services) if only is None else list(only)
            if unknown := set(names) - set(self.services):
                raise PlatformError(f"no service {', '.join(sorted(unknown))}; there are: {', '.join(self.services)}")
            with ThreadPoolExecutor() as pool:
                return _Start(self, [self.services[n] for n in names], timeout_s, report, pool).run()

    def _take_over(self) -> None:
        """Leave a supervisord that fits running; end everything else that an earlier platform left behind."""
        alive = self.supervisor.is_alive()
        if alive and self.supervisor.is_current(self.services):
            return
        if alive:
            self.supervisor.shutdown()
        end_all(self.places.home)
        for name in ("ports", "settings", "services"):
            self.__dict__.pop(name, None)  # ports may be free again
        self.supervisor.start(self.services, base_environment())

    def down(self) -> int:
        """Stop everything; return how many processes the supervisor had lost and that were ended one by one."""
        with self._alone():
            self.supervisor.shutdown()
            lost = end_all(self.places.home)
            for file in self.places.run.glob("*.json"):
                if file != self.places.ports:
                    file.unlink(missing_ok=True)
            if left := marked(self.places.home):
                raise PlatformError("these processes do not end: " + ", ".join(f"{p.pid} {p.name()}" for p in left))
            return lost

    def clean(self) -> None:
        """Stop everything and remove the home folder with all data."""
        home = self.places.home
        if not home.exists():
            return
        if home.name != ".devmlops" and not self.places.secrets.exists():
            raise PlatformError(f"{home} is not the home folder of a platform; nothing is removed")
        self.down()
        shutil.rmtree(home)

    def status(self) -> dict[str, tuple[Program, str | None]]:
        """Return, by service, how the supervisor sees it and what its health check says (None: healthy)."""
        programs = self.supervisor.programs()
        rows = {}
        for name, service in self.services.items():
            program = programs.get(name) or Program(name, "STOPPED", 0, 0)
            rows[name] = (program, service.check(program) if program.is_up else "not running")
        return rows

    def memory(self) -> int:
        """Return the bytes of all processes of the platform (PSS)."""
        return memory(marked(self.places.home))


class _Start:
    """One `up`: prepares, starts and waits, all at once."""

    def __init__(
        self, platform: Platform, wanted: list[Service], timeout_s: float, report: Report, pool: ThreadPoolExecutor
    ) -> None:
        self.platform, self.wanted, self.report = platform, wanted, report
        self.begin = time.monotonic()
        self.timeout_s = timeout_s
        steps = preparations(platform)
        needed = dict.fromkeys(need for service in wanted for need in service.needs)
        self.steps: dict[str, Future[None]] = {name: pool.submit(steps[name]) for name in needed}
        self.progress = {name: Progress(name, 0, "in work") for name in [*self.steps, *(s.name for s in wanted)]}
        self.launched: dict[str, float] = {}
        self.healed: set[str] = set()
        self.before = {name for name, program in platform.supervisor.programs().items() if program.is_up}

    def run(self) -> dict[str, float]:
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
            line = self.progress[service.name]
            if service.name not in self.launched:
                line.seconds = time.monotonic() - self.begin
                continue
            program = programs.get(service.name)
            if program is None or program.state == "FATAL":
                raise self._failed(service, program)
            if not line.waits:
                continue
            line.waits = service.check(program) if program.is_up else f"starts again ({program.state.lower()})"
            line.seconds = time.monotonic() - self.begin
            if line.waits and service.name in self.before - self.healed and self._is_stuck(service, program, line.waits):
                self._restart(service.name)

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


def preparations(platform: Platform) -> dict[str, Callable[[], None]]:
    """Return the steps that services need before they start, by name; each may run again."""
    places, settings = platform.places, platform.settings

    def folders() -> None:
        for name in ("mlflow", "data", "source", "inference"):
            (places.home / name).mkdir(exist_ok=True)
        settings.prediction_log.mkdir(parents=True, exist_ok=True)
        write_data_keys(places, platform.secrets)

    def ledger() -> None:
        from include.ledger import Ledger

        folders()
        Ledger(settings.ledger()).migrate()

    def triton() -> None:
        from include.local.triton import install

        install(places.triton_install)

    return {"folders": folders, "ledger": ledger, "triton": triton, "airflow database": lambda: _prepare_airflow(platform)}


def _prepare_airflow(platform: Platform) -> None:
    """Migrate Airflow's database and bring roles and log-ins in line, where that was not done for this state."""
    places, passwords = platform.places, platform.secrets.passwords
    parts = [importlib.metadata.version(p) for p in ("apache-airflow-core", "apache-airflow-providers-fab")]
    parts += [(ROOT / "plugins" / "console" / name).read_text(encoding="utf-8") for name in ("roles.py", "setup.py")]
    state = hashlib.sha256(json.dumps([*parts, passwords], sort_keys=True).encode()).hexdigest()
    stamp = places.run / "airflow-database.stamp"
    if places.airflow_database.is_file() and read_json(stamp) == state:
        return
    done = subprocess.run(
        [sys.executable, "-m", "plugins.console.setup"],
        input=json.dumps(passwords),
        env={**base_environment(), **platform.environment()},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    (places.logs / "airflow-database.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-12:])
        raise PlatformError(f"Airflow's database could not be prepared:\n{last}\nThe whole: {places.logs / 'airflow-database.log'}")
    write_private(stamp, json.dumps(state))
