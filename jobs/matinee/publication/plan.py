"""Planning a run: its branch, the days it publishes, and every input pinned at a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from matinee import __version__, faults
from matinee.contracts.model import Contract, InputSpec
from matinee.days import end_of
from matinee.errors import CommitConflictError, InputsNotValidError, UsageError
from matinee.ledger import pins
from matinee.ledger.model import InputPin, Publication, Run, State
from matinee.publication.branches import Branch, drop_branch, make_branch
from matinee.publication.changed_buckets import buckets_of_days, changed_buckets
from matinee.publication.predecessor import Start, with_predecessor
from matinee.publication.request import RunRequest
from matinee.publication.terms import row_terms
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.files import day_landing_seqs, landing_seq
from matinee.table.registers import stamp
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from pyiceberg.table import Table

LOOKS = 5


@dataclass(frozen=True)
class Plan:
    """A run that is ready to be written: its contract with the effective parameters, its branch, and its start.

    `start` is what it starts from; None: all rows are derived from the inputs.
    """

    contract: Contract
    run: Run
    branch: str
    start: Start | None = None


def plan(lake: Lake, request: RunRequest) -> Plan:
    """Make the branch, then pin the inputs and hold the pins: what lands or is published later is not read.

    Raises:
        UsageError: the dataset has no transform, every day lies before the first, or the keys of a range are more
            than a day apart.
        InputsNotValidError: an input day that the run reads is not valid; the reason is named.
        DroppedError: a day, or a day that it reads, was dropped.
        CommitConflictError: another live run took the same identity, or the inputs did not stand still.
    """
    contract = lake.registry.get(request.dataset).with_parameters(request.parameters)
    if contract.transform is None:
        raise UsageError(
            f"{request.dataset} is not made by a run.",
            next_step="Land it with `matinee ingest`.",
            facts={"dataset": request.dataset},
        )
    if contract.cadence.step > 1 and request.first_key < request.last_key:
        keys = ", ".join(map(str, contract.cadence.keys(request.first_key, request.last_key))) or "none"
        raise UsageError(
            f"{request.dataset} is {contract.cadence.name}: a run publishes one key.",
            next_step=f"Run its keys one by one; from {request.first_key} to {request.last_key} there are: {keys}.",
            facts={"dataset": request.dataset, "key": request.key},
        )
    lake.ensure(request.dataset)
    branch = make_branch(lake, request)
    faults.reach("write.after_branch")
    try:
        run, start = _pinned_run(lake, contract, request, branch)
    except Exception:
        drop_branch(lake, request.dataset, branch)
        raise
    faults.reach("write.after_pins")
    return Plan(contract, run, branch.name, start)


def _pinned_run(lake: Lake, contract: Contract, request: RunRequest, branch: Branch) -> tuple[Run, Start | None]:
    """Return the run with its inputs pinned, and what it starts from.

    The generations that the run records are those of the pinned snapshots, and are read after these are pinned. Where
    an input was published in between, both are read again: else the run would record a generation that it did not read.
    Rows that land meanwhile are left to the next run.
    """
    derived = [spec for spec in contract.inputs if lake.registry.get(spec.dataset).transform is not None]
    for _ in range(LOOKS):
        rows = lake.one_look()
        heads = {spec.dataset: _input_head(rows.ensure(spec.dataset), request) for spec in contract.inputs}
        try:
            pins.hold(rows, branch.publication_id, heads)
            validity = Validity(lake)
            run = _run_on(validity, contract, request, branch, heads)
            judged = {spec.dataset: _input_head(validity.lake.table(spec.dataset), request) for spec in derived}
            if all(heads[dataset] == head for dataset, head in judged.items()):
                return with_predecessor(validity, contract, run, starts=request.experiment is None)
        except Exception:
            pins.release(lake, branch.publication_id, heads)
            raise
    pins.release(lake, branch.publication_id, heads)
    raise CommitConflictError(
        f"The inputs of {contract.dataset} {request.key} were published again during each of {LOOKS} looks at them.",
        next_step="Run again when fewer writers are at work.",
        facts={"dataset": contract.dataset, "key": request.key},
    )


def _run_on(
    validity: Validity, contract: Contract, request: RunRequest, branch: Branch, heads: Mapping[str, int]
) -> Run:
    first, last = _published_days(contract, request, validity)
    pins = tuple(_pin(validity, contract, spec, request, heads[spec.dataset], first, last) for spec in contract.inputs)
    return Run(
        publication_id=branch.publication_id,
        dataset=contract.dataset,
        key=request.key,
        first_day=first,
        last_day=last,
        base_snapshot_id=branch.base_snapshot_id,
        pins=pins,
        contract_version=contract.version,
        code_version=__version__,
        planned_ts=stamp(),
        parameters=dict(request.parameters),
        as_of=_as_of(contract, pins, first, validity.valid_from),
        heal=request.heal,
        buckets=_healed(validity, contract, pins, first) if request.heal else None,
        began=branch.began if request.began is None else request.began,
        terms=row_terms(contract),
    )


def _input_head(table: "Table", request: RunRequest) -> int:
    """Return the snapshot of an input to read: `main`'s, or of the experiment that the run is part of."""
    experiment = refs.reference(table, f"{names.EXPERIMENT}{request.experiment}") if request.experiment else None
    return experiment if experiment is not None else refs.head(table)


def _published_days(contract: Contract, request: RunRequest, validity: Validity) -> tuple[date, date]:
    """Return the days that the run publishes: those that its keys touch, from the lake's first day on.

    Some earlier days are not published again: a day of which an optional input is not valid, as it would lose the rows
    that come from this input; a day that was withdrawn, as a person decides when to publish it; and a day that reads a
    dropped day.
    """
    first, last = contract.touched_days(request.first_key, request.last_key)
    if validity.valid_from is None:
        raise InputsNotValidError(
            f"No day of {request.key} can be published: the lake has no closed day.",
            next_step="Land events and manifests, or declare days complete with `matinee ingest --close-through DAY`.",
            facts={"dataset": contract.dataset, "key": request.key},
        )
    if last < validity.valid_from:
        raise UsageError(
            f"No day of {request.key} can be published: the lake begins with {validity.valid_from}.",
            next_step=f"Give keys from {validity.valid_from} on; days before it count as empty.",
            facts={"dataset": contract.dataset, "key": request.key, "valid_from": validity.valid_from},
        )
    derivable = validity.require_derivable(contract, max(request.first_key, validity.valid_from))
    if request.heal:
        return request.first_key, request.last_key
    earliest = max(first, validity.valid_from, derivable)
    day = max(request.first_key, validity.valid_from)
    optional = [spec.dataset for spec in contract.inputs if spec.optional]
    while day > earliest:
        before = day - timedelta(days=1)
        newest = validity.history(contract.dataset).newest(before)
        if newest is not None and newest.state is State.WITHDRAWN:
            break
        if not all(validity.status(name, before).valid for name in optional):
            break
        day = before
    return day, last


def _pin(
    validity: Validity,
    contract: Contract,
    spec: InputSpec,
    request: RunRequest,
    snapshot_id: int,
    first: date,
    last: date,
) -> InputPin:
    read = contract.input_days(spec, first, last)
    required = (max(first, request.first_key), request.last_key) if spec.optional else read
    _require(contract, request, validity, spec, *required)
    pinned = pin_at(validity.lake, validity, spec, snapshot_id, *read)
    # An experiment may read rows of another experiment, whose buckets no publication records.
    return replace(pinned, buckets=None) if request.experiment else pinned


def pin_at(lake: Lake, validity: Validity, spec: InputSpec, snapshot_id: int, first: date, last: date) -> InputPin:
    """Return the pin of an input for a run that reads these days of the input at a snapshot."""
    table = lake.table(spec.dataset)
    upstream = lake.registry.get(spec.dataset)
    days = upstream.cadence.keys(first, last)
    statuses = [day_status for day in days if (day_status := validity.status(spec.dataset, day)).valid]
    return InputPin(
        dataset=spec.dataset,
        snapshot_id=snapshot_id,
        sequence_number=refs.sequence(table, snapshot_id),
        landing_seq=landing_seq(table, snapshot_id) if upstream.transform is None else None,
        days=_pinned_days(table, upstream, statuses, snapshot_id, first, last),
        stamps={status.day: status.stamp for status in statuses if status.stamp is not None},
        buckets=buckets_of_days(validity, upstream, [status.day for status in statuses]),
    )


def _require(
    contract: Contract, request: RunRequest, validity: Validity, spec: InputSpec, first: date, last: date
) -> None:
    for day in validity.lake.registry.get(spec.dataset).cadence.keys(first, last):
        reason = validity.readable(spec, day).reason
        if reason is not None:
            lacks = "mature" if reason.kind == "immature" else "valid"
            raise InputsNotValidError(
                f"{contract.dataset} {request.key} reads {spec.dataset} {day}, which is not {lacks}: "
                + "; ".join(line.strip() for line in reason.lines()[:-1])
                + ".",
                next_step=reason.root.next_step,
                facts={"dataset": contract.dataset, "input": spec.dataset, "day": day, "kind": reason.root.kind},
            )


def _pinned_days(
    table: "Table", upstream: Contract, statuses: list[DayStatus], snapshot_id: int, first: date, last: date
) -> dict[date, int]:
    """Return the valid days of a range, each with its generation or highest landing number: see `InputPin.days`."""
    if upstream.transform is not None or upstream.day_column is None:
        return {status.day: status.generation for status in statuses}
    landed = day_landing_seqs(table, upstream.day_column, snapshot_id, first, last)
    return {status.day: landed.get(status.day, 0) for status in statuses}


def _healed(validity: Validity, contract: Contract, pins: tuple[InputPin, ...], day: date) -> tuple[int, ...] | None:
    newest = validity.history(contract.dataset).newest(day)
    if newest is None:
        raise UsageError(
            f"{contract.dataset} {day} was never published: there is nothing to heal.",
            next_step=f"`matinee run {contract.dataset} --key {day}` publishes it.",
            facts={"dataset": contract.dataset, "day": day},
        )
    if newest.state is State.WITHDRAWN:
        raise InputsNotValidError(
            f"{contract.dataset} {day} was withdrawn ({newest.reason}): no heal publishes it again.",
            next_step=f"Fix its cause, then `matinee run {contract.dataset} --key {day}`.",
            facts={"dataset": contract.dataset, "day": day, "kind": "withdrawn"},
        )
    _require_what_was_read(validity, contract, newest)
    return changed_buckets(validity.lake, validity, contract, newest, pins)


def _require_what_was_read(validity: Validity, contract: Contract, newest: Publication) -> None:
    """Refuse to heal a day where an input day that it was made from is not valid now: labels would be lost."""
    for pin in newest.run.pins:
        spec = next((spec for spec in contract.inputs if spec.dataset == pin.dataset), None)
        if spec is None:
            continue  # The contract does not read this input any more.
        for day in pin.days if validity.lake.registry.get(pin.dataset).transform else ():
            first, last = contract.input_days(spec, newest.day, newest.day)
            reason = validity.status(pin.dataset, day).reason
            if first <= day <= last and reason is not None:
                raise InputsNotValidError(
                    f"{contract.dataset} {newest.day} was made with {pin.dataset} {day}, which is not valid now.",
                    next_step=reason.root.next_step,
                    facts={"dataset": contract.dataset, "input": pin.dataset, "day": day, "kind": reason.root.kind},
                )


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
