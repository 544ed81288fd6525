"""What Prometheus reads at /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from include.inference.routes import Snapshot

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Counters of one AP, in a registry of their own. Labels come from configuration, never from a request's text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "inference_requests", "Requests answered, by result", ["project", "route", "code"], registry=self.registry
        )
        self._rows = Counter("inference_rows", "Rows answered", ["project", "route", "release_id"], registry=self.registry)
        self._seconds = Histogram(
            "inference_request_seconds", "Whole request in the AP", ["project", "route"], buckets=SECONDS, registry=self.registry
        )
        self._model_seconds = Histogram(
            "inference_model_seconds", "Waiting for the model server", ["project"], buckets=SECONDS, registry=self.registry
        )
        self._log_seconds = Histogram(
            "inference_log_seconds", "Waiting for the prediction log", ["project"], buckets=SECONDS, registry=self.registry
        )
        self._truths = Counter("inference_truths", "Late true answers taken", ["project"], registry=self.registry)
        self._lookups = Counter(
            "inference_feature_lookups", "Feature lookups, by result", ["project", "view", "code"], registry=self.registry
        )
        self._entities = Counter("inference_feature_entities", "Entities looked up", ["project", "view"], registry=self.registry)
        self._lookup_seconds = Histogram(
            "inference_feature_seconds",
            "Waiting for online features",
            ["project", "view"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._retries = Counter("inference_retries", "Second tries at the model server", ["project"], registry=self.registry)
        self._in_flight = Gauge("inference_in_flight", "Requests under way", registry=self.registry)
        self._route = Gauge(
            "inference_route", "1 for the release on a route", ["project", "route", "release_id"], registry=self.registry
        )
        self._age = Gauge("inference_routes_age_seconds", "Since the routes were last read; -1: never", registry=self.registry)
        self._switches = Gauge("inference_route_switches", "Route changes since the start", registry=self.registry)
        self._model = Gauge("inference_model_ready", "1 where a routed release is loaded", ["release_id"], registry=self.registry)

    def answered(
        self, project: str, route: str, release_id: str, rows: int, total_s: float, model_s: float, log_s: float
    ) -> None:
        """Count one good answer."""
        self._requests.labels(project, route, "200").inc()
        self._rows.labels(project, route, release_id).inc(rows)
        self._seconds.labels(project, route).observe(total_s)
        self._model_seconds.labels(project).observe(model_s)
        self._log_seconds.labels(project).observe(log_s)

    def refused(self, project: str, route: str, status: int) -> None:
        """Count one error answer; ``project`` and ``route`` are empty where the caller named none that exists."""
        self._requests.labels(project, route, str(status)).inc()

    def truths(self, project: str, count: int) -> None:
        """Count late true answers."""
        self._truths.labels(project).inc(count)

    def looked_up(self, project: str, view: str, entities: int, seconds: float) -> None:
        """Count one lookup of features."""
        self._lookups.labels(project, view, "200").inc()
        self._entities.labels(project, view).inc(entities)
        self._lookup_seconds.labels(project, view).observe(seconds)

    def lookup_refused(self, project: str, view: str, status: int) -> None:
        """Count one lookup that got an error; names are empty where there is no such thing."""
        self._lookups.labels(project, view, str(status)).inc()

    def retried(self, project: str) -> None:
        """Count one second try."""
        self._retries.labels(project).inc()

    def count(self, project: str) -> dict[str, int]:
        """Return how many requests and rows were answered, refused or failed since the start."""
        counts = {"answered": 0, "rows": 0, "refused": 0, "failed": 0}
        for metric in (self._requests, self._rows):
            for sample in next(iter(metric.collect())).samples:
                if sample.labels.get("project") != project or not sample.name.endswith("_total"):
                    continue
                if metric is self._rows:
                    counts["rows"] += int(sample.value)
                else:
                    code = sample.labels["code"]
                    counts["answered" if code == "200" else "refused" if code < "500" else "failed"] += int(sample.value)
        return counts

    def text(self, snapshot: Snapshot, age_s: float | None, switches: int, ready: dict[str, bool], in_flight: int) -> bytes:
        """Return the page, with the routes as they are now."""
        self._route.clear()
        self._model.clear()
        for entry in snapshot.entries.values():
            self._route.labels(entry.project, entry.route, entry.release_id).set(1)
        for release_id, is_ready in ready.items():
            self._model.labels(release_id).set(is_ready)
        self._age.set(-1 if age_s is None else age_s)
        self._switches.set(switches)
        self._in_flight.set(in_flight)
        return generate_latest(self.registry)
