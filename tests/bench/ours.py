"""Ours: the shipped transforms on plain Parquet, and the whole cycle on the lake."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matinee.contracts.registry import Registry
from matinee.publication import steps
from matinee.publication.request import RunRequest
from matinee.report import timed
from matinee.settings import Engine, Settings
from matinee.transforms import TransformContext, transform_of
from tests.bench.inputs import ATTRIBUTIONS, IMPRESSION_PLAYS, output_files
from tests.bench.jobs import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def transform(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Derive both outputs with the shipped transforms, Parquet in and out, the day at once: as on Spark."""
    return _transform(session, job, {"day": (job.plays, job.impressions)}, "spark")


def transform_by_cell(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Derive the same cell by cell: as on Sail."""
    return _transform(session, job, job.cells(), "sail")


def _transform(
    session: "SparkSession", job: Job, parts: Mapping[str, tuple[list[str], list[str]]], engine: Engine
) -> dict[str, list[str]]:
    registry = Registry.load(job.input.settings().sql_dir)
    read = session.read.parquet
    with job.writing(job.attributions_folder) as folder:
        for name, (plays, impressions) in parts.items():
            inputs = {"plays": read(*plays), "impressions": read(*impressions)}
            _derived(registry, ATTRIBUTIONS, inputs, job, engine).write.parquet(str(folder / name))
    with job.writing(job.impression_plays_folder) as folder:
        for name, (_, impressions) in parts.items():
            inputs = {"impressions": read(*impressions), "attributions": read(str(job.attributions_folder / name))}
            _derived(registry, IMPRESSION_PLAYS, inputs, job, engine).write.parquet(str(folder / name))
    return job.written()


def cycle(settings: Settings, job: Job) -> dict[str, list[str]]:
    """Write, audit and publish both datasets of the day, as a daily run does."""
    for dataset in (ATTRIBUTIONS, IMPRESSION_PLAYS):
        with timed(job.seconds, dataset):
            report = steps.run(settings, RunRequest(dataset, job.input.day, job.input.day))
        _split(job, dataset, report.seconds)
    return output_files(settings, job.input.day)


def _derived(
    registry: Registry, dataset: str, inputs: Mapping[str, "DataFrame"], job: Job, engine: Engine
) -> "DataFrame":
    contract = registry.get(dataset)
    context = TransformContext(contract, job.input.day, job.input.day, job.as_of, engine)
    return transform_of(contract)(inputs, context)


def _split(job: Job, dataset: str, parts: Mapping[str, float]) -> None:
    """Replace the seconds of a whole cycle by those of its parts; what no part has is `other`."""
    whole = job.seconds.pop(dataset)
    split = {**parts, "other": round(whole - sum(parts.values()), 3)}
    job.seconds.update({f"{dataset} {name}": seconds for name, seconds in split.items()})
