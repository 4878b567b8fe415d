"""Pinning: one consistent set of published snapshots is held for somebody, all of one moment.

The set has the head of `main` of each dataset, if no head has moved between two looks. The set is consistent where each
dataset was derived from the rows that the other datasets of the set hold: a reader may join them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.errors import CommitConflictError, InputsNotValidError, UsageError
from matinee.ledger.ledger import History, history
from matinee.ledger.model import Publication, State
from matinee.ledger.pinned_sets import PinnedSet, held, hold, settle
from matinee.ledger.pinned_sets import end as end_set
from matinee.retries import again_where_lost, committed
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.outside import changed_outside

LOOKS = 5


def pin(lake: Lake, datasets: Sequence[str], until: date, why: str, holder: str, now: datetime) -> PinnedSet:
    """Hold the published snapshots of datasets through a day; the same call again changes nothing.

    Args:
        lake: the lake.
        datasets: published datasets.
        until: the last day, included.
        why: the reason; `matinee pins list` and `matinee doctor` show it.
        holder: who holds it.
        now: the time that `until` is compared with.

    Raises:
        UnknownDatasetError: no contract declares one of them.
        UsageError: the day is over, no reason is given, or one of the datasets is not published.
        InputsNotValidError: the datasets do not fit together, or rows of a dataset were changed past the protocol.
        CommitConflictError: the datasets were published again during each of several looks.
    """
    contracts = [lake.registry.get(name) for name in dict.fromkeys(datasets)]
    _refuse(lake, contracts, until, why, now)
    settle(lake)

    def once() -> tuple[Mapping[str, int], list[str]]:
        heads = _heads(lake, contracts)
        problems = list(_problems(lake, {contract.dataset: history(lake, contract.dataset) for contract in contracts}))
        with again_where_lost:
            if _heads(lake, contracts) != heads:
                raise _moved(contracts)
        return heads, problems

    heads, problems = committed(once, _moved(contracts), LOOKS)
    if problems:
        raise InputsNotValidError(
            f"{', '.join(heads)} are no consistent set: {'; '.join(problems)}. Nothing is held.",
            next_step="`matinee late scan` and `matinee vtts explain` name the repair; then pin again.",
            facts={"problems": problems},
        )
    return hold(lake, heads, until, why, holder)


def _moved(contracts: Sequence[Contract]) -> CommitConflictError:
    names = ", ".join(contract.dataset for contract in contracts)
    return CommitConflictError(
        f"{names} were published again during each of {LOOKS} looks at them; nothing is held.",
        next_step="Pin again when fewer writers are at work.",
        facts={"datasets": names},
    )


def end(lake: Lake, pin_id: str) -> PinnedSet:
    """End a pinned set: nothing holds its snapshots any more.

    Raises:
        UsageError: no set of that name is held.
    """
    settle(lake)
    pinned_set = next((candidate for candidate in held(lake) if candidate.pin_id == pin_id), None)
    if pinned_set is None:
        raise UsageError(
            f"No pinned set {pin_id} is held.",
            next_step="`matinee pins list` names those that are.",
            facts={"pin_id": pin_id},
        )
    end_set(lake, pinned_set)
    return pinned_set


def _refuse(lake: Lake, contracts: Sequence[Contract], until: date, why: str, now: datetime) -> None:
    if until < now.date():
        raise UsageError(
            f"Nothing can be held until {until}: that day is over.",
            next_step=f"Give --until a day from {now.date()} on.",
            facts={"until": until},
        )
    if not why.strip():
        raise UsageError("A pinned set has a reason.", next_step='Give it, such as --why "training of model 7".')
    for contract in contracts:
        if contract.transform is None:
            raise UsageError(
                f"{contract.dataset} is not a published dataset: its rows are not audited.",
                next_step="Pin what is published; `matinee publications list` shows what is.",
                facts={"dataset": contract.dataset},
            )
        published = history(lake, contract.dataset)
        if not published.newest_notes:
            raise UsageError(
                f"Nothing of {contract.dataset} is published yet.",
                next_step=f"`matinee run {contract.dataset} --key DAY` publishes a day.",
                facts={"dataset": contract.dataset},
            )


def _heads(lake: Lake, contracts: Sequence[Contract]) -> dict[str, int]:
    return {contract.dataset: refs.head(lake.table(contract.dataset)) for contract in contracts}


def _problems(lake: Lake, named: dict[str, History]) -> Iterator[str]:
    """Yield where the datasets do not fit together; withdrawn days are known to be bad, and left out."""
    for dataset, published in named.items():
        contract, begin = lake.registry.get(dataset), published.begin or date.min
        for day, change in sorted(changed_outside(lake, published).items()):
            yield f"{dataset} {day} is {change.words}"
        for day, note in published.newest_notes.items():
            if note.state is State.PUBLISHED and day >= begin:
                yield from _other_rows(contract, published.of(note), named)


def _other_rows(contract: Contract, newest: Publication, named: dict[str, History]) -> Iterator[str]:
    for spec in contract.inputs:
        if spec.dataset not in named:
            continue
        pinned, published = newest.run.pin(spec.dataset), named[spec.dataset]
        for day in day_range(*contract.input_days(spec, newest.day, newest.day)):
            now = published.newest(day)
            if now is None or day not in pinned.days or day < (published.begin or date.min):
                continue
            read, stamp = pinned.days[day], pinned.stamps.get(day)
            what = f"{contract.dataset} {newest.day} read"
            if now.generation != read:
                yield f"{what} generation {read} of {spec.dataset} {day}, which has {now.generation}"
            elif stamp and now.stamp and stamp != now.stamp:
                yield f"{what} other rows of {spec.dataset} {day} than it has"
