"""Datasets as Airflow assets: for lineage and the UI. The truth about validity is the ledger's, never Airflow's."""

from airflow.sdk import Asset

from matinee.report import Report


def asset_of(dataset: str) -> Asset:
    """Return the asset of a dataset; only its publish (or ingest) task has it as outlet."""
    return Asset(name=dataset, uri=f"matinee://lake/{dataset}", group="matinee")


def summary(report: Report) -> str:
    """Return what a step did as one line, for the log of its task."""
    rows, verdicts = report.rows, report.verdicts
    parts = [f"{report.step} {report.dataset} {report.key or ''}".rstrip()]
    parts += [f"publication {report.publication_id}"] if report.publication_id else []
    parts.append(f"rows in {rows.read}, out {rows.out}, quarantined {rows.quarantined}, duplicate {rows.duplicate}")
    for verdict in ("fail", "insufficient", "pass"):
        audits = [each.audit for each in verdicts if each.verdict == verdict]
        if audits:
            parts.append(f"{verdict}: {len(audits)}" if verdict == "pass" else f"{verdict}: {', '.join(audits)}")
    parts += [f"{name} {value}" for name, value in report.details.items()]
    parts += [f"VTTS {report.vtts:%Y-%m-%dT%H:%MZ}"] if report.vtts else []
    return " | ".join([*parts, *(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())])


def event_extra(report: Report) -> dict[str, str | int | None]:
    """Return what an asset event says of a publication."""
    return {
        "publication_id": report.publication_id,
        "rows": report.rows.out,
        "snapshot_id": str(report.snapshot_id) if report.snapshot_id is not None else None,
        "vtts": report.vtts.isoformat() if report.vtts else None,
    }
