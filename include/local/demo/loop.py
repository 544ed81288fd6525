"""The loop, step by step: the order of the demo and the numbers it takes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from include.clients.airflow import AirflowError
from include.local.demo.people import follow
from include.local.demo.show import Step
from include.local.demo.stage import SOURCE_ROWS, Stage
from include.local.demo.traffic import Watcher

WATCHED_ROWS = 200
"""Different rows of the caller that never stops: one row again and again would be a drift of its own."""


class Loop(Stage):
    """One turn of the loop for one project; `steps` gives its steps in order."""

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
        self.refuse_leftovers(step)
        step.now("the caller's database is filled")
        self.project.component("source")(self.settings.source_url.get_secret_value(), rows=SOURCE_ROWS)
        dag_id, run_id = self.start(self.developer, "data_preparation", {"notes": "Demo / 시연"})
        tasks = follow(self.developer, dag_id, run_id, step)
        if tasks["tag_version"]["state"] == "success":
            version = self.developer.xcom(dag_id, run_id, "tag_version")
            split = self.developer.xcom(dag_id, run_id, "make_split")
            step.result = f"{version['version']}: {version['count']} images, split {split['counts']}"
        else:
            step.result = "nothing new at the source: the newest version stays"

    def develop_model(self, step: Step) -> None:
        """Tune, train, evaluate and confirm a model."""
        dag_id, run_id = self.start(self.developer, "model_development")
        follow(self.developer, dag_id, run_id, step)
        model = self.developer.xcom(dag_id, run_id, "register_model")
        metrics = self.developer.xcom(dag_id, run_id, "evaluate")["metrics"]
        trials = self.developer.xcom(dag_id, run_id, "tune")["trials"]
        self.accuracy(f"model version {model['version']}, test part", metrics)
        step.result = f"model version {model['version']}: accuracy {metrics['accuracy']:.4f} after {len(trials)} trials"

    def release(self, step: Step) -> None:
        """Release the confirmed model: package, test, two approvals, deployment."""
        dag_id, run_id = self.start(self.developer, "release")
        follow(self.developer, dag_id, run_id, step, timeout_s=86_400, on_question=lambda q: self.approvers(q, step))
        done = self.developer.xcom(dag_id, run_id, "deploy")
        self.released(dag_id, run_id, done)
        step.result = f"{done['release_id']} in production, approved by {', '.join(self.approved_by(done['release_id']))}"

    def first_prediction(self, step: Step) -> None:
        """Ask for one approved prediction as SW1.0 does."""
        images, labels = self.images(1)
        answer = self.inference.infer(self.project.name, images.tolist())
        step.result = f"image of a {labels[0]} -> {answer['predictions'][0]['label']} by {answer['release_id']}"

    def normal_traffic(self, step: Step) -> None:
        """Send what the model knows, at 50 requests a second, and take the latency."""
        rows = self.project.monitoring.window_rows * 2
        images, labels = self.images(rows)
        traffic, truth = self.send("normal", images, labels, step)
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
        images, labels = self.images(rows)
        known = {a.id for a in self.ledger.alerts(self.project.name)}
        before = {r["dag_run_id"] for r in self.developer.runs(f"{self.project.name}.retraining")}
        traffic, truth = self.send("drifted", drifted(images, seed=1), labels, step)
        self.show.summary["accuracy"]["production on drifted traffic"] = traffic.accuracy(truth)
        step.now("waiting for the drift sensor")
        run = self.until(lambda: self.new_run(before), 180, "no retraining run was started")
        started = datetime.fromisoformat(run["queued_at"] or run["start_date"])
        self.retraining_run = run["dag_run_id"]
        self.own_retrainings(self.retraining_run)
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
        images, _ = self.images(WATCHED_ROWS)
        with Watcher(self.settings.inference_url, self.project.name, images) as watcher:

            def until(tasks: dict[str, Any]) -> bool:
                if not any(task["state"] for task in tasks.values()):
                    self.refuse_leftovers(step)  # a retraining of an earlier demo is before this one
                if tasks["release"]["state"] in ("deferred", "running"):
                    self.answer_releases(step)
                return False

            follow(self.developer, dag_id, self.retraining_run, step, timeout_s=86_400, until=until)
        if self.developer.run(dag_id, self.retraining_run)["state"] != "success":
            raise RuntimeError(f"{dag_id} {self.retraining_run} did not succeed")
        four_way = self.developer.xcom(dag_id, self.retraining_run, "four_way")
        model = self.developer.xcom(dag_id, self.retraining_run, "register_model")
        runs = [r["dag_run_id"] for r in self.developer.runs(f"{self.project.name}.release")]
        run_id = next(r for r in runs if r.startswith(f"{self.retraining_run}-"))
        done = self.developer.xcom(f"{self.project.name}.release", run_id, "deploy")
        self.released(f"{self.project.name}.release", run_id, done)
        self.watched(watcher)
        summary = self.show.summary
        summary["four_way"] = {k: four_way[k] for k in ("cells", "decision", "reasons")}
        summary["switch_s"] = done["switch_s"]
        self.accuracy(
            f"model version {model['version']}, test part",
            self.developer.xcom(dag_id, self.retraining_run, "evaluate")["metrics"],
        )
        step.result = f"{four_way['decision']}; {done['release_id']} replaced {done['previous']} in {done['switch_s']:.3f} s"

    def roll_back(self, step: Step) -> None:
        """Bring the previous pair back, and forward again, under load."""
        images, _ = self.images(WATCHED_ROWS)
        with Watcher(self.settings.inference_url, self.project.name, images) as watcher:
            back = self.roll(step, {"reason": "demo: roll back / 되돌리기"})
            forward = self.roll(step, {"reason": "demo: forward again", "to": back["previous"]})
        self.watched(watcher)
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
        (run,) = answer.json()["started"]
        # It would wait for true answers that nobody will send, and keep the next retraining waiting.
        self.operator.call("PATCH", f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['run_id']}", json={"state": "failed"})
        step.result = f"started {run['dag_id']} {run['run_id']}, which the demo ended again"
