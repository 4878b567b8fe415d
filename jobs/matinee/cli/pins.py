"""`matinee pin` and `matinee pins`: published snapshots that are kept from expiring."""

from datetime import UTC, date, datetime

import click

from matinee.cli.options import DAY, user
from matinee.cli.output import emit, emit_one, output_option
from matinee.ledger.pinned_sets import PinnedSet, held, missing
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True)
@click.option(
    "--until", required=True, type=DAY, help="Last day on which the set is held; the upkeep after it ends the set."
)
@click.option("--why", required=True, help="What for; `pins list` and `doctor` say so.")
@output_option
def pin(datasets: tuple[str, ...], until: date, why: str, output: str) -> None:
    """Keep one consistent set of published snapshots of the DATASETs, all of one moment, from expiring.

    A training that takes weeks reads the same rows from its first epoch to its last: `read_as` is the name by
    which each held table is read. Drops by `keep` that begin later leave the days of the set. Repeating the call
    changes nothing.

    \b
    Example:
      matinee pin core.impressions core.impression_plays --until 2026-06-30 --why "training of model 7"
      matinee query "SELECT count(*) FROM core.impression_plays.tag_set_20260601_1"
    """
    from matinee.maintenance.pinning import pin as hold

    lake = Lake.open(load_settings())
    _show(hold(lake, datasets, until, why, user(), datetime.now(UTC)), output)


@click.group()
def pins() -> None:
    """Pinned sets: published snapshots that somebody holds (`matinee pin`)."""


@pins.command(name="list")
@output_option
def list_(output: str) -> None:
    """Show what is held, by whom, why and until when; `incomplete`: the call that made it was cut off.

    \b
    Example:
      matinee pins list --output json
    """
    lake = Lake.open(load_settings())
    rows = []
    for pinned_set in held(lake):
        named = _datasets(pinned_set) if output == "json" else list(pinned_set.snapshots)
        rows.append({**_facts(pinned_set), "datasets": named, "incomplete": missing(lake, pinned_set)})
    emit(rows, output, empty="Nothing is pinned.")


@pins.command()
@click.argument("pin_id", metavar="PIN")
@output_option
def end(pin_id: str, output: str) -> None:
    """End the set PIN: its snapshots expire like any other from now on.

    \b
    Example:
      matinee pins end 20260601_1
    """
    from matinee.maintenance.pinning import end as end_set

    ended = end_set(Lake.open(load_settings()), pin_id)
    emit_one({**_facts(ended), "state": "ended", "datasets": list(ended.snapshots)}, output)


def _show(pinned_set: PinnedSet, output: str) -> None:
    if output == "json":
        emit_one({**_facts(pinned_set), "datasets": _datasets(pinned_set)}, output)
        return
    emit_one(_facts(pinned_set), output)
    emit(_datasets(pinned_set), output)


def _facts(pinned_set: PinnedSet) -> dict[str, object]:
    return {
        "pin": pinned_set.pin_id,
        "until": pinned_set.until,
        "why": pinned_set.why,
        "holder": pinned_set.holder,
        "since": pinned_set.since,
    }


def _datasets(pinned_set: PinnedSet) -> list[dict[str, object]]:
    return [
        {"dataset": dataset, "snapshot": snapshot_id, "read_as": f"{dataset}.tag_{pinned_set.tag}"}
        for dataset, snapshot_id in pinned_set.snapshots.items()
    ]
