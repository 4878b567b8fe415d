"""On the path of the embedded scheduler only: import the modules of its tasks once, before it forks the tasks.

Airflow imports a module of this name at start-up. The LocalExecutor forks a process for each task, which would spend
its first seconds on these imports otherwise. None of them opens a connection or starts a thread.
"""

from importlib import import_module

__all__: list[str] = []

for _name in (
    "matinee.domain.attribution",
    "matinee.domain.impression_plays",
    "matinee.landing.ingest",
    "matinee.live.progress",
    "matinee.maintenance.upkeep",
    "matinee.publication.steps",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
):
    import_module(_name)
