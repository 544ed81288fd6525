"""The loop, step by step: the order of the demo and the numbers it takes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np

from include.clients.airflow import AirflowClient, AirflowError
from include.clients.inference import InferenceClient
from include.ledger import Ledger
from include.local.demo.people import Approvers, follow
from include.local.demo.show import Show, Step
from include.local.demo.traffic import Traffic, Watcher, send
from include.projects import Project
from include.settings import Settings

SOURCE_ROWS = 1500
"""Images that the caller has collected so far; the rest of the data set becomes traffic."""

WATCHED_ROWS = 200
"""Different rows of the caller that never stops: one row again and again would be a drift of its own."""


class Loop:
    """One turn of the loop for one project.

    Args:
        settings: the running platform.
        project: the project; the demo's traffic is made for `digits`.
        passwords: of the platform's users.
        show: where steps and numbers go.
        human: wait for real approvers.
    """

    def __init__(self, settings: Settings, project: Project, passwords: dict[str, str], show: Show, human: bool) -> None:
        self.settings, self.project, self.show = settings, project, show
        self.ledger = Ledger(settings.ledger())
        self.users = {name: AirflowClient(settings.airflow_url, name, password) for name, password in passwords.items()}
        self.developer, self.operator = self.users["developer"], self.users["operator"]
        self.approvers = Approvers([self.users["approver1"], self.users["approver2"]], human, settings.airflow_url)
        self.inference = InferenceClient(settings)
        self.stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.rng = np.random.default_rng(0)

    def steps(self) -> list[tuple[str, Callable[[Step], None]]]:
        """Return the steps in their order."""
        return [
            ("data: collect, check, version, split", self.prepare_data),
            ("model: tune, train, evaluate, confirm", self.develop_model),
            ("release: package, test, approve, deploy", self.release),
            ("first approved prediction", self.first_prediction),
            ("normal traffic", self.normal_traffic),
            ("drifted traffic, alert", self.drifted_traffic),
            ("late true answers", self.late_answers),
            ("retrain, compare four ways, release", self.retrain),
            ("roll back and forward under load", self.roll_back),
            ("SW1.0 by REST: wrong conf, repeated request", self.callers),
            ("alert webhook starts a retraining", self.webhook),
        ]

    def prepare_data(self, step: Step) -> None:
        """Fill the caller's database, and make a data version of what is new in it."""
        step.now("the caller's database is filled")
        self.project.component("source")(self.settings.source_url.get_secret_value(), rows=SOURCE_ROWS)
        dag_id, run_id = self._start(self.developer, "data_preparation", {"notes": "Demo / 시연"})
        tasks = follow(self.developer, dag_id, run_id, step)
        if tasks["tag_version"]["state"] == "success":
            version = self.developer.xcom(dag_id, run_id, "tag_version")
            split = self.developer.xcom(dag_id, run_id, "make_split")
            step.result = f"{version['version']}: {version['count']} images, split {split['counts']}"
        else:
            step.result = "nothing new at the source: the newest version stays"

    def develop_model(self, step: Step) -> None:
        """Tune, train, evaluate and confirm a model."""
        dag_id, run_id = self._start(self.developer, "model_development")
        follow(self.developer, dag_id, run_id, step)
        model = self.developer.xcom(dag_id, run_id, "register_model")
        metrics = self.developer.xcom(dag_id, run_id, "evaluate")["metrics"]
        trials = self.developer.xcom(dag_id, run_id, "tune")["trials"]
        self._accuracy(f"model version {model['version']}, test part", metrics)
        step.result = f"model version {model['version']}: accuracy {metrics['accuracy']:.4f} after {len(trials)} trials"

    def release(self, step: Step) -> None:
        """Release the confirmed model: package, test, two approvals, deployment."""
        dag_id, run_id = self._start(self.developer, "release")
        follow(self.developer, dag_id, run_id, step, timeout_s=86_400, on_question=lambda q: self.approvers(q, step))
        done = self.developer.xcom(dag_id, run_id, "deploy")
        self._released(dag_id, run_id, done)
        step.result = f"{done['release_id']} in production, approved by {', '.join(self._approved_by(done['release_id']))}"

    def first_prediction(self, step: Step) -> None:
        """Ask for one approved prediction as SW1.0 does."""
        images, labels = self._traffic_images(1)
        answer = self.inference.infer(self.project.name, images.tolist())
        step.result = f"image of a {labels[0]} -> {answer['predictions'][0]['label']} by {answer['release_id']}"

    def normal_traffic(self, step: Step) -> None:
        """Send what the model knows, at 50 requests a second, and take the latency."""
        rows = self.project.monitoring.window_rows * 2
        images, labels = self._traffic_images(rows)
        traffic, truth = self._send("normal", images, labels, step)
        summary = self.show.summary
        summary["latency_ms"] = {"p50": traffic.quantile(0.5), "p99": traffic.quantile(0.99)}
        summary["accuracy"]["production on normal traffic"] = traffic.accuracy(truth)
        step.result = (
            f"{len(traffic.answers)} answers, p50 {traffic.quantile(0.5):.1f} ms, p99 {traffic.quantile(0.99):.1f} ms,"
            f" accuracy {traffic.accuracy(truth):.3f}"
        )

    def drifted_traffic(self, step: Step) -> None:
        """Send what the model does not know, and wait for the retraining that must start by itself."""
        from include.projects.digits.drift import drifted

        rows = self.project.monitoring.window_rows * 3
        images, labels = self._traffic_images(rows)
        known = {a.id for a in self.ledger.alerts(self.project.name)}
        before = {r["dag_run_id"] for r in self.developer.runs(f"{self.project.name}.retraining")}
        traffic, truth = self._send("drifted", drifted(images, seed=1), labels, step)
        self.show.summary["accuracy"]["production on drifted traffic"] = traffic.accuracy(truth)
        step.now("waiting for the drift sensor")
        run = self._until(lambda: self._new_run(before), 180, "no retraining run was started")
        started = datetime.fromisoformat(run["queued_at"] or run["start_date"])
        self.retraining_run = run["dag_run_id"]
        self.show.summary["drift_to_trigger_s"] = round((started - traffic.begun).total_seconds(), 2)
        alert = next(a for a in reversed(self.ledger.alerts(self.project.name)) if a.id not in known)
        self.show.summary["drift"] = {
            "score": alert.details["score"],
            "threshold": alert.details["threshold"],
            "alert": alert.id,
        }
        step.result = (
            f"accuracy {traffic.accuracy(truth):.3f}; score {alert.details['score']:.2f} > {alert.details['threshold']};"
            f" alert {alert.id}, retraining {self.show.summary['drift_to_trigger_s']:.1f} s after the first drifted request"
        )

    def late_answers(self, step: Step) -> None:
        """Send the true answers that the caller learned late."""
        self.inference.truths(self.project.name, self.truths)
        step.result = f"{len(self.truths)} true answers"

    def retrain(self, step: Step) -> None:
        """Follow the retraining, its release and approvals, while a caller never stops asking."""
        dag_id = f"{self.project.name}.retraining"
        images, _ = self._traffic_images(WATCHED_ROWS)
        with Watcher(self.settings.inference_url, self.project.name, images) as watcher:

            def until(tasks: dict[str, Any]) -> bool:
                if tasks["release"]["state"] in ("deferred", "running"):
                    self._answer_releases(step)
                return False

            follow(self.developer, dag_id, self.retraining_run, step, timeout_s=86_400, until=until)
        if self.developer.run(dag_id, self.retraining_run)["state"] != "success":
            raise RuntimeError(f"{dag_id} {self.retraining_run} did not succeed")
        four_way = self.developer.xcom(dag_id, self.retraining_run, "four_way")
        model = self.developer.xcom(dag_id, self.retraining_run, "register_model")
        runs = [r["dag_run_id"] for r in self.developer.runs(f"{self.project.name}.release")]
        run_id = next(r for r in runs if r.startswith(f"{self.retraining_run}-"))
        done = self.developer.xcom(f"{self.project.name}.release", run_id, "deploy")
        self._released(f"{self.project.name}.release", run_id, done)
        self._watched(watcher)
        summary = self.show.summary
        summary["four_way"] = {k: four_way[k] for k in ("cells", "decision", "reasons")}
        summary["switch_s"] = done["switch_s"]
        self._accuracy(
            f"model version {model['version']}, test part",
            self.developer.xcom(dag_id, self.retraining_run, "evaluate")["metrics"],
        )
        step.result = f"{four_way['decision']}; {done['release_id']} replaced {done['previous']} in {done['switch_s']:.3f} s"

    def roll_back(self, step: Step) -> None:
        """Bring the previous pair back, and forward again, under load."""
        images, _ = self._traffic_images(WATCHED_ROWS)
        with Watcher(self.settings.inference_url, self.project.name, images) as watcher:
            back = self._roll(step, {"reason": "demo: roll back / 되돌리기"})
            forward = self._roll(step, {"reason": "demo: forward again", "to": back["previous"]})
        self._watched(watcher)
        self.show.summary["rollback_s"] = back["switch_s"]
        step.result = (
            f"{back['release_id']} back in {back['switch_s']:.3f} s, then {forward['release_id']} in {forward['switch_s']:.3f} s"
        )

    def callers(self, step: Step) -> None:
        """Show what SW1.0 gets for a wrong and for a repeated request."""
        dag_id = f"{self.project.name}.model_development"
        refusals = []
        for conf in ({"trials": "many"}, {"trails": 8}):
            try:
                self.developer.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
                raise RuntimeError(f"Airflow accepted conf {conf}")
            except AirflowError as error:
                refusals.append(f"{conf} -> {error.status}")
        request = f"sw1-{uuid.uuid4().hex[:8]}"
        dag_id = f"{self.project.name}.data_preparation"
        runs = {self.developer.trigger(dag_id, {}, run_id=request) for _ in range(2)}
        started = [r for r in self.developer.runs(dag_id) if r["dag_run_id"] == request]
        if len(runs) != 1 or len(started) != 1:
            raise RuntimeError(f"the same request id started {len(started)} runs")
        step.result = f"wrong conf: {'; '.join(refusals)}; request {request} twice -> one run"

    def webhook(self, step: Step) -> None:
        """Start a retraining by an Alertmanager webhook."""
        alert = {
            "status": "firing",
            "labels": {"alertname": "AccuracyLow", "project": self.project.name},
            "annotations": {"summary": "accuracy fell below its limit"},
            "startsAt": datetime.now(UTC).isoformat(),
            "fingerprint": uuid.uuid4().hex[:16],
        }
        answer = httpx.post(
            f"{self.settings.airflow_url}/devmlops/v1/alerts/alertmanager",
            json={"version": "4", "status": "firing", "alerts": [alert]},
            headers={"Authorization": f"Bearer {self.settings.webhook_token.get_secret_value()}"},
            timeout=30,
            trust_env=False,
        )
        answer.raise_for_status()
        step.result = f"started {answer.json()['started']}"

    def _start(self, who: AirflowClient, pipeline: str, conf: dict[str, Any] | None = None) -> tuple[str, str]:
        dag_id = f"{self.project.name}.{pipeline}"
        return dag_id, who.trigger(dag_id, conf, run_id=f"demo-{self.stamp}-{uuid.uuid4().hex[:6]}")

    def _roll(self, step: Step, conf: dict[str, Any]) -> dict[str, Any]:
        dag_id, run_id = self._start(self.operator, "rollback", conf)
        follow(self.operator, dag_id, run_id, step)
        return self.operator.xcom(dag_id, run_id, "roll_back")

    def _answer_releases(self, step: Step) -> None:
        for question in self.developer.questions(f"{self.project.name}.release", "~"):
            if question["task_instance"]["dag_run_id"].startswith(f"{self.retraining_run}-"):
                self.approvers(question, step)

    def _traffic_images(self, n: int) -> tuple[np.ndarray, list[str]]:
        """Draw n images that the caller's database has not got yet, with their digits."""
        from include.projects.digits.source import scan_rows

        rows = scan_rows(slice(SOURCE_ROWS, None))
        pick = self.rng.choice(len(rows), size=n, replace=n > len(rows))
        images = np.stack([np.frombuffer(rows[i]["pixels"], dtype=np.uint8).reshape(8, 8) for i in pick])
        return images, [str(rows[i]["digit"]) for i in pick]

    def _send(self, kind: str, images: np.ndarray, labels: list[str], step: Step) -> tuple[Traffic, dict[str, str]]:
        ids = [f"{kind}-{self.stamp}-{i:05d}" for i in range(len(images))]
        step.now(f"{len(ids)} requests at 50 a second")
        traffic = asyncio.run(send(self.settings.inference_url, self.project.name, images, ids, 50))
        if traffic.failures:
            raise RuntimeError(f"{len(traffic.failures)} requests failed, the first: {traffic.failures[0]}")
        truth = dict(zip(ids, labels, strict=True))
        self.truths = {i: [truth[i]] for i in traffic.answers}
        return traffic, truth

    def _new_run(self, before: set[str]) -> dict[str, Any] | None:
        runs = self.developer.runs(f"{self.project.name}.retraining")
        return next((r for r in runs if r["dag_run_id"] not in before), None)

    @staticmethod
    def _until(found: Any, timeout_s: float, problem: str) -> Any:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.5)
        raise TimeoutError(f"{problem} within {timeout_s:.0f} s")

    def _accuracy(self, name: str, metrics: dict[str, float]) -> None:
        self.show.summary["accuracy"][name] = metrics["accuracy"]

    def _approved_by(self, release_id: str) -> list[str]:
        return [a.by for a in self.ledger.approvals(release_id) if a.decision == "approved"]

    def _released(self, dag_id: str, run_id: str, done: dict[str, Any]) -> None:
        release = self.ledger.release(done["release_id"])
        self.show.summary["releases"].append(
            {
                "id": release.id,
                "digest": release.digest,
                "model_version": release.model["version"],
                "data": f"{release.model['data']['repository']} {release.model['data']['version']}",
                "approved_by": self._approved_by(release.id),
                "url": f"{self.settings.airflow_url}/dags/{dag_id}/runs/{run_id}",
            }
        )

    def _watched(self, watcher: Watcher) -> None:
        bad = len(watcher.failures) + watcher.mixed
        self.show.summary["failed_requests"] = (self.show.summary["failed_requests"] or 0) + bad
        if bad:
            raise RuntimeError(
                f"{len(watcher.failures)} failed and {watcher.mixed} mixed of {watcher.requests}: {watcher.failures[:1]}"
            )
