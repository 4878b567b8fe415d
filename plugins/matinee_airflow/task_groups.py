"""Write, audit, publish: the task group that makes a dataset. Only publish emits the asset event."""

from airflow.sdk import TaskGroup

from matinee.settings import load_settings
from matinee_airflow.assets import asset_of
from matinee_airflow.sensors import ValiditySensor
from matinee_airflow.spark_task import ATTEMPT, KEY, spark_task

#: A dataset whose folder has this file is served: `matinee.serving`.
SERVED = "serve.yaml"


def write_audit_publish(dataset: str, *, wait: bool = True) -> TaskGroup:
    """Return the task group of a dataset's daily run: (wait for its input days ▸) write ▸ audit ▸ publish (▸ serve).

    Args:
        dataset: `namespace.name`; the group is called `name`.
        wait: whether the run waits for its inputs. False where an earlier group of the DAG has waited for them.
    """
    name = dataset.split(".")[1]
    with TaskGroup(group_id=name) as group:
        write = spark_task("write", "write", ["--dataset", dataset, "--key", KEY, "--attempt", ATTEMPT])
        written = f"{{{{ publication_of(ti, '{name}.write') }}}}"
        audit = spark_task("audit", "audit", ["--dataset", dataset, "--publication-id", written])
        publish = spark_task(
            "publish", "publish", ["--dataset", dataset, "--publication-id", written], outlets=[asset_of(dataset)]
        )
        if (load_settings().sql_dir / dataset.replace(".", "/") / SERVED).is_file():
            publish >> spark_task("serve", "serve", ["--dataset", dataset])
        if wait:
            ValiditySensor(task_id="wait", dataset=dataset) >> write
        write >> audit >> publish
    return group
