"""Planning a run: its branch, the days it publishes, and every input pinned at a snapshot."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count

from matinee import __version__, faults
from matinee.contracts.model import Contract, InputSpec
from matinee.cycle.request import RunRequest
from matinee.days import day_range, end_of
from matinee.errors import CommitConflictError, InputsNotValidError, UsageError
from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.files import day_landing_seqs, landing_seq
from matinee.lake.ledger import History, recorded, stamp
from matinee.lake.publication import InputPin, Run, publication_id
from matinee.lake.validity import Validity


@dataclass(frozen=True)
class Plan:
    """A run that is ready to be written: its contract with the effective parameters, and its branch."""

    contract: Contract
    run: Run
    branch: str


def plan(lake: Lake, request: RunRequest) -> Plan:
    """Make the branch, then pin the inputs: what lands or is published later is not read.

    Raises:
        UsageError: the dataset has no transform, or every day lies before the lake's first.
        InputsNotValidError: an input day that the run reads is not valid; the reason is named.
        CommitConflictError: another live run took the same identity.
    """
    contract = lake.registry.get(request.dataset).with_parameters(request.parameters)
    if contract.transform is None:
        raise UsageError(
            f"{request.dataset} is not made by a run.",
            next_step="Land it with `matinee ingest`.",
            facts={"dataset": request.dataset},
        )
    lake.ensure(request.dataset)
    identity, branch, base = _branch(lake, request)
    faults.reach("write.after_branch")
    try:
        validity = Validity(lake)
        first, last = _published_days(contract, request, validity.valid_from)
        pins = tuple(_pin(lake, validity, contract, spec, request, first, last) for spec in contract.inputs)
    except Exception:
        _drop(lake, request.dataset, branch)
        raise
    run = Run(
        publication_id=identity,
        dataset=contract.dataset,
        key=request.key,
        first_day=first,
        last_day=last,
        base_snapshot_id=base,
        pins=pins,
        contract_version=contract.version,
        code_version=__version__,
        planned_ts=stamp(),
        parameters=dict(request.parameters),
        as_of=_as_of(contract, pins, first, validity.valid_from),
    )
    faults.reach("write.after_pins")
    return Plan(contract, run, branch)


def _branch(lake: Lake, request: RunRequest) -> tuple[str, str, int]:
    """Create the branch from `main`: (publication id, branch, snapshot it came from)."""
    table = lake.table(request.dataset)
    base = refs.head(table)
    if request.experiment is not None:
        branch = f"experiment_{request.experiment}"
        leftover = refs.reference(table, branch)
        if leftover is None:
            refs.create_branch(table, branch, base)
        else:
            refs.move_branch(table, branch, base, expected=leftover)
        return publication_id(request.dataset, request.key, branch), branch, base
    if request.attempt is not None:
        identity = publication_id(request.dataset, request.key, request.attempt)
        leftover = refs.reference(table, f"audit_{identity}")
        if leftover is not None:
            table = refs.remove(table, f"audit_{identity}", expected=leftover)
        refs.create_branch(table, f"audit_{identity}", base)
        return identity, f"audit_{identity}", base
    return _next_attempt(lake, request, base)


def _next_attempt(lake: Lake, request: RunRequest, base: int) -> tuple[str, str, int]:
    taken = {identity for identity, _ in recorded(lake, request.dataset)}
    for number in count(1):
        identity = publication_id(request.dataset, request.key, str(number))
        table = lake.table(request.dataset)
        if identity in taken or refs.reference(table, f"audit_{identity}") is not None:
            continue
        try:
            refs.create_branch(table, f"audit_{identity}", base)
        except CommitConflictError:
            continue  # Another run of this key took the number between the look and the commit.
        return identity, f"audit_{identity}", base
    raise AssertionError("count() does not end")


def _drop(lake: Lake, dataset: str, branch: str) -> None:
    table = lake.table(dataset)
    found = refs.reference(table, branch)
    if found is not None:
        refs.remove(table, branch, expected=found)


def _published_days(contract: Contract, request: RunRequest, valid_from: date | None) -> tuple[date, date]:
    first, last = contract.touched_days(request.first_key, request.last_key)
    if valid_from is None or last < valid_from:
        raise InputsNotValidError(
            f"No day of {request.key} can be published: the lake "
            + ("has no closed day." if valid_from is None else f"begins with {valid_from}."),
            next_step="Land events and manifests, or declare days complete with `matinee ingest --close-through DAY`.",
            facts={"dataset": contract.dataset, "key": request.key, "valid_from": valid_from},
        )
    return max(first, valid_from), last


def _pin(
    lake: Lake, validity: Validity, contract: Contract, spec: InputSpec, request: RunRequest, first: date, last: date
) -> InputPin:
    read_first, read_last = contract.input_days(spec, first, last)
    required = (request.first_key, request.last_key) if spec.optional else (read_first, read_last)
    for day in day_range(*required):
        status = validity.status(spec.dataset, day)
        if not status.valid and status.reason is not None:
            raise InputsNotValidError(
                f"{contract.dataset} {request.key} reads {spec.dataset} {day}, which is not valid: "
                + "; ".join(line.strip() for line in status.reason.lines()[:-1])
                + ".",
                next_step=status.reason.root.next_step,
                facts={"dataset": contract.dataset, "input": spec.dataset, "day": day, "kind": status.reason.root.kind},
            )
    table = lake.ensure(spec.dataset)
    snapshot_id = refs.head(table)
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    upstream = lake.registry.get(spec.dataset)
    return InputPin(
        dataset=spec.dataset,
        snapshot_id=snapshot_id,
        sequence_number=(snapshot.sequence_number or 0) if snapshot else 0,
        landing_seq=landing_seq(table, snapshot_id) if upstream.transform is None else None,
        days=_pinned_days(lake, validity, spec.dataset, snapshot_id, read_first, read_last),
    )


def _pinned_days(
    lake: Lake, validity: Validity, dataset: str, snapshot_id: int, first: date, last: date
) -> dict[date, int]:
    """Return the valid days of a range with what would show a change of each: see `InputPin.days`."""
    statuses = [status for day in day_range(first, last) if (status := validity.status(dataset, day)).valid]
    upstream = lake.registry.get(dataset)
    if upstream.transform is not None or upstream.day_column is None:
        return {status.day: status.generation for status in statuses}
    landed = day_landing_seqs(lake.table(dataset), upstream.day_column, snapshot_id, first, last)
    return {status.day: landed.get(status.day, 0) for status in statuses}


def _as_of(contract: Contract, pins: tuple[InputPin, ...], first: date, valid_from: date | None) -> datetime | None:
    """Return the end of the last consecutive valid day of the input that is read ahead, from the first day on."""
    ahead = next((spec for spec in contract.inputs if spec.lookahead != "0d"), None)
    if ahead is None:
        return None
    days = next(pin.days for pin in pins if pin.dataset == ahead.dataset)
    day = first
    while day in days or (valid_from is not None and day < valid_from):
        day += timedelta(days=1)
    return end_of(day - timedelta(days=1))


def generation(contract: Contract, published: History, run: Run, day: date) -> int:
    """Return the generation with which a run publishes a day.

    It rises where the day is published from changed input for days it had already covered: an input day that the
    newest publication had read has another generation or is gone, more rows landed in it, or the contract changed.
    Days of an input that were not there before (a label that matures) are no change.
    """
    newest = published.newest(day)
    if newest is None:
        return 1
    same = newest.publication_id == run.publication_id or not _changed(contract, newest.run, run, day)
    return newest.generation if same else newest.generation + 1


def _changed(contract: Contract, before: Run, now: Run, day: date) -> bool:
    if before.contract_version != now.contract_version:
        return True
    for spec in contract.inputs:
        ours, theirs = now.pin(spec.dataset).days, before.pin(spec.dataset).days
        read = day_range(*contract.input_days(spec, day, day))
        if any(other in theirs and theirs[other] != ours.get(other) for other in read):
            return True
    return False
