"""On the path of the embedded scheduler only: what its tasks import is imported once, before it forks them.

Airflow imports a module of this name at start-up. The LocalExecutor forks a process for each task, which would otherwise
spend its first seconds on these imports. Nothing here opens a connection or starts a thread.
"""

__all__: list[str] = []
