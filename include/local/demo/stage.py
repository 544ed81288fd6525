"""What all steps of the demo share: people, engines, traffic, and where the numbers go."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np

from include.clients.airflow import AirflowClient
from include.clients.inference import InferenceClient
from include.ledger import Ledger
from include.local.demo.people import Approvers, follow
from include.local.demo.show import Show, Step
from include.local.demo.traffic import Traffic, Watcher, send
from include.projects import Project
from include.settings import Settings

SOURCE_ROWS = 1500
"""Images that the caller has collected so far; the rest of the data set becomes traffic."""


class Stage:
    """The people and engines of one turn of the loop.

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
        self.retraining_run = ""
        self.truths: dict[str, list[str]] = {}

    def start(self, who: AirflowClient, pipeline: str, conf: dict[str, Any] | None = None) -> tuple[str, str]:
        """Start a pipeline as a person; return its DAG id and run id."""
        dag_id = f"{self.project.name}.{pipeline}"
        return dag_id, who.trigger(dag_id, conf, run_id=f"demo-{self.stamp}-{uuid.uuid4().hex[:6]}")

    def roll(self, step: Step, conf: dict[str, Any]) -> dict[str, Any]:
        """Run the rollback pipeline as the operator; return the deployment."""
        dag_id, run_id = self.start(self.operator, "rollback", conf)
        follow(self.operator, dag_id, run_id, step)
        return self.operator.xcom(dag_id, run_id, "roll_back")

    def answer_releases(self, step: Step) -> None:
        """Answer what the retraining's own release asks, and nothing else."""
        for question in self.developer.questions(f"{self.project.name}.release", "~"):
            if question["task_instance"]["dag_run_id"].startswith(f"{self.retraining_run}-"):
                self.approvers(question, step)

    def refuse_leftovers(self, step: Step) -> None:
        """Refuse what an interrupted demo left waiting for an answer: its retraining would hold up the next.

        Only runs that a demo started or caused are refused; what others wait for is theirs.
        """
        waiting = [] if self.approvers.human else self.developer.questions(f"{self.project.name}.release", "~")
        for question in waiting:
            ti = question["task_instance"]
            if ti["dag_run_id"].startswith(("demo-", *(f"{run}-" for run in self.own_retrainings()))):
                step.say(f"approver1 refuses {ti['task_id']} of {ti['dag_run_id']}, left by an earlier demo")
                approver = self.approvers.clients[0]
                approver.answer(ti["dag_id"], ti["dag_run_id"], ti["task_id"], "Refuse", "left by an earlier demo")

    def own_retrainings(self, run_id: str | None = None) -> list[str]:
        """Return the retraining runs that demos on this platform caused, with ``run_id`` as the newest where given."""
        path = self.show.path.with_name("retrainings.json")
        runs: list[str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        if run_id and run_id not in runs:
            runs.append(run_id)
            path.write_text(json.dumps(runs), encoding="utf-8")
        return runs

    def images(self, n: int) -> tuple[np.ndarray, list[str]]:
        """Draw n images that the caller's database has not got yet, with their digits."""
        from include.projects.digits.source import scan_rows

        rows = scan_rows(slice(SOURCE_ROWS, None))
        pick = self.rng.choice(len(rows), size=n, replace=n > len(rows))
        images = np.stack([np.frombuffer(rows[i]["pixels"], dtype=np.uint8).reshape(8, 8) for i in pick])
        return images, [str(rows[i]["digit"]) for i in pick]

    def send(self, kind: str, images: np.ndarray, labels: list[str], step: Step) -> tuple[Traffic, dict[str, str]]:
        """Send images at 50 a second and keep their true labels; a failed request ends the demo."""
        ids = [f"{kind}-{self.stamp}-{i:05d}" for i in range(len(images))]
        step.now(f"{len(ids)} requests at 50 a second")
        traffic = asyncio.run(send(self.settings.inference_url, self.project.name, images, ids, 50))
        if traffic.failures:
            raise RuntimeError(f"{len(traffic.failures)} requests failed, the first: {traffic.failures[0]}")
        truth = dict(zip(ids, labels, strict=True))
        self.truths = {i: [truth[i]] for i in traffic.answers}
        return traffic, truth

    def new_run(self, before: set[str]) -> dict[str, Any] | None:
        """Return a retraining run that was not there before, None while there is none."""
        runs = self.developer.runs(f"{self.project.name}.retraining")
        return next((r for r in runs if r["dag_run_id"] not in before), None)

    @staticmethod
    def until(found: Any, timeout_s: float, problem: str) -> Any:
        """Ask again until there is an answer, and return it."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.5)
        raise TimeoutError(f"{problem} within {timeout_s:.0f} s")

    def accuracy(self, name: str, metrics: dict[str, float]) -> None:
        """Keep a model's accuracy for the summary."""
        self.show.summary["accuracy"][name] = metrics["accuracy"]

    def approved_by(self, release_id: str) -> list[str]:
        """Return who approved a release."""
        return [a.by for a in self.ledger.approvals(release_id) if a.decision == "approved"]

    def released(self, dag_id: str, run_id: str, done: dict[str, Any]) -> None:
        """Keep a release that went live for the summary."""
        release = self.ledger.release(done["release_id"])
        self.show.summary["releases"].append(
            {
                "id": release.id,
                "digest": release.digest,
                "model_version": release.model["version"],
                "data": f"{release.model['data']['repository']} {release.model['data']['version']}",
                "approved_by": self.approved_by(release.id),
                "url": f"{self.settings.airflow_url}/dags/{dag_id}/runs/{run_id}",
            }
        )

    def watched(self, watcher: Watcher) -> None:
        """Count what a caller saw fail or mixed; anything ends the demo."""
        bad = len(watcher.failures) + watcher.mixed
        self.show.summary["failed_requests"] = (self.show.summary["failed_requests"] or 0) + bad
        if bad:
            raise RuntimeError(
                f"{len(watcher.failures)} failed and {watcher.mixed} mixed of {watcher.requests}: {watcher.failures[:1]}"
            )
