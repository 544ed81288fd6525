"""The local platform: brings all services up, heals them, takes them down."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from include.local.airflow_config import airflow_environment
from include.local.errors import PlatformError
from include.local.places import Places
from include.local.ports import HOST, choose_ports
from include.local.processes import end_all, listens, marked, memory
from include.local.secrets import Secrets, load_secrets
from include.local.services import Service, base_environment, services
from include.local.start import Report, Start
from include.local.supervisor import Program, Supervisor
from include.settings import Settings


class Platform:
    """All processes of the product on one machine, under one home folder.

    Args:
        home: the home folder; by default the one of the settings (``DEVMLOPS_HOME``, else ``.devmlops``).
        changed: settings that differ from what the platform would choose, by name.
    """

    def __init__(self, home: Path | None = None, **changed: object) -> None:
        self.changed = changed
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
        pairs = [(zone, part) for zone in ("dev", "ops") for part in ("access_key", "secret_key")]
        url = f"http://{HOST}"
        given: dict[str, object] = {
            "home": home,
            "data_dev_url": f"{url}:{ports['data']}",
            "data_ops_url": f"{url}:{ports['data']}",
            **{f"data_{zone}_{part}": secrets.data[zone][part] for zone, part in pairs},
            "mlflow_url": f"{url}:{ports['mlflow']}",
            "triton_grpc_url": f"{HOST}:{ports['triton_grpc']}",
            "triton_http_url": f"{HOST}:{ports['triton_http']}",
            "triton_metrics_url": f"{url}:{ports['triton_metrics']}/metrics",
            "model_repository": self.places.triton / "models",
            "inference_url": f"{url}:{ports['inference']}",
            "inference_admin_token": secrets.inference_admin_token,
            "airflow_url": f"{url}:{ports['airflow']}",
            "webhook_token": secrets.webhook_token,
            "masking_salt": secrets.masking_salt,
            "labelling_url": f"{url}:{ports['labelling']}",
            "labelling_token": secrets.labelling_token,
            "label_files": home / "labels",
            "prediction_log": home / "inference" / "log",
        }
        own = Settings()
        if not own.source_url.get_secret_value():
            given["source_url"] = f"sqlite:///{home / 'source' / 'source.db'}"
        return Settings(**{**given, **self.changed})  # type: ignore[arg-type]

    @cached_property
    def services(self) -> dict[str, Service]:
        """Return the table of services by name."""
        return services(self.settings, self.places, self.ports, self.secrets)

    def environment(self) -> dict[str, str]:
        """Return the variables by which a shell, a test or a tool belongs to this platform, secrets included."""
        airflow = airflow_environment(self.settings, self.places, self.ports, self.secrets)
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

    def up(
        self, only: Iterable[str] | None = None, timeout_s: float = 240, report: Report = lambda lines: None
    ) -> dict[str, float]:
        """Start what does not run, restart what is stuck, and wait until every service is healthy.

        Args:
            only: names of services; all that are not optional where it is None.
            timeout_s: how long to wait for all of them.
            report: is called again and again with the progress of all parts.

        Returns:
            Seconds from the call to health, by service.

        Raises:
            PlatformError: a part failed or is late; its last log lines are in the message.
        """
        with self._alone():
            self._take_over()
            names = [s.name for s in self.services.values() if not s.optional] if only is None else list(only)
            if unknown := set(names) - set(self.services):
                raise PlatformError(f"no service {', '.join(sorted(unknown))}; there are: {', '.join(self.services)}")
            with ThreadPoolExecutor() as pool:
                return Start(self, [self.services[n] for n in names], timeout_s, report, pool).run()

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
        """Return, by service, how the supervisor sees it and what its health check says (None: healthy).

        An optional service is left out unless it was started.
        """
        programs = self.supervisor.programs()
        rows = {name: programs.get(name) or Program(name, "STOPPED", 0, 0) for name in self.services}
        rows = {n: row for n, row in rows.items() if not (self.services[n].optional and row.state == "STOPPED")}

        def problem(program: Program) -> str | None:
            return self.services[program.name].check(program) if program.is_up else "not running"

        with ThreadPoolExecutor() as pool:
            return dict(zip(rows, zip(rows.values(), pool.map(problem, rows.values()), strict=True), strict=True))

    def memory(self) -> int:
        """Return the bytes of all processes of the platform (PSS)."""
        return memory(marked(self.places.home))
