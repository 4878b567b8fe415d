"""Airflow's REST API, as far as the launcher and the demo use it."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from matinee.errors import EngineUnavailableError, UsageError

# Straight to the loopback interface, whatever proxies the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class AirflowApi:
    """A client of the embedded Airflow, which asks for no login."""

    url: str

    def health(self) -> dict[str, str]:
        """Return the state of each component: `healthy`, `unhealthy` or `unknown`; empty while nothing answers."""
        try:
            found = self._call("GET", "monitor/health")
        except EngineUnavailableError:
            return {}
        return {name: str((part or {}).get("status")) for name, part in found.items()}

    def dag_ids(self) -> set[str]:
        """Return the DAGs that were parsed."""
        return {dag["dag_id"] for dag in self._call("GET", "dags?limit=100")["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Return the last line of the error of each DAG file that cannot be imported."""
        found = self._call("GET", "importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in found}

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run; this starts its latest cron key too."""
        self._call("PATCH", f"dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create a pool, or set its slots."""
        body = {"name": name, "slots": slots, "include_deferred": False}
        try:
            self._call("POST", "pools", body)
        except UsageError as error:
            if error.facts.get("status") != 409:
                raise
            self._call("PATCH", f"pools/{name}?update_mask=slots", body)

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the backfills of a DAG, each with `id` and `completed_at` (None while it runs)."""
        found: list[dict[str, Any]] = self._call("GET", f"backfills?dag_id={dag_id}")["backfills"]
        return found

    def dag_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the newest 100 runs of a DAG, each with `dag_run_id`, `partition_key`, `run_type` and `state`."""
        found: list[dict[str, Any]] = self._call("GET", f"dags/{dag_id}/dagRuns?limit=100&order_by=-id")["dag_runs"]
        return found

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run; None where it was not scheduled yet."""
        found = self._call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=100")
        return {task["task_id"]: task["state"] for task in found["task_instances"]}

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:  # noqa: ANN401 - JSON
        """Return what a task left under a key, for example its report.

        Raises:
            UsageError: it left nothing there.
        """
        path = f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._call("GET", f"{path}?deserialize=false")["value"]

    def asset_events(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the newest 100 asset events that a DAG's runs emitted, each with `extra` and `partition_key`."""
        found: list[dict[str, Any]] = self._call("GET", f"assets/events?source_dag_id={dag_id}&limit=100")[
            "asset_events"
        ]
        return found

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            f"{self.url}/api/v2/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:500]
            if error.code >= 500:
                raise self._unavailable(f"{error.code}: {detail}") from error
            raise UsageError(
                f"Airflow refused {method} {path}: {error.code} {detail}",
                next_step="Check the DAG, the run and the task that it names.",
                facts={"status": error.code},
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(str(error)) from error
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer

    def _unavailable(self, cause: str) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"Airflow does not answer at {self.url}.",
            next_step="Start the embedded stack with `make up`, or look at the logs in <home>/run.",
            facts={"url": self.url, "cause": cause},
        )
