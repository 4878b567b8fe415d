"""The publications of heals: a heal makes one for each day that it derives again."""

from matinee.healing.register import decisions
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.report import Report, Rows
from matinee.table.catalog import Lake


def healed(lake: Lake, heal_id: str) -> list[Report]:
    """Return what was published by a heal, in the order of its decisions, as the step `publish` reports it."""
    made = [told for told in decisions(lake) if told.heal_id == heal_id and told.publication_id is not None]
    known = dict.fromkeys((told.dataset, str(told.publication_id)) for told in made)
    records = [history(lake, dataset).find(identity) for dataset, identity in known]
    return [
        Report(
            step="publish",
            dataset=days[0].run.dataset,
            key=days[0].run.key,
            publication_id=days[0].publication_id,
            days=tuple(sorted(publication.day for publication in days)),
            snapshot_id=days[0].head_snapshot_id,
            rows=Rows.model_validate(
                {
                    "in": sum(publication.rows.read for publication in days),
                    "out": sum(publication.rows.out for publication in days),
                }
            ),
            verdicts=days[0].verdicts,
        )
        for days in records
        if days and days[0].state is State.PUBLISHED
    ]
