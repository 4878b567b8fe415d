"""The embedded lakehouse: a Spark Connect server and Airflow's four components, on the loopback interface only."""

from matinee.stack.launcher import Stack, start, status, stop

__all__ = ["Stack", "start", "status", "stop"]
