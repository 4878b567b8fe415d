"""A lake with a long history: one publication a dataset and day, of days without rows, as upkeep would leave it.

Days older than a fortnight are bulk-written: their publications stand in the ledger, their snapshots have expired. The
newest fourteen days are commits on `main`. The four published datasets may be there several times, each with inputs of
its own.
"""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

from matinee.contracts.model import Contract
from matinee.contracts.stamps import EMPTY, day_stamp
from matinee.days import day_range, end_of
from matinee.ledger.ledger import record
from matinee.ledger.model import InputPin, Publication, Run, State
from matinee.report import Rows, Verdict
from matinee.settings import CHECKOUT, Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.validity.manifests import Manifest, declare

FIRST, KEPT = date(2023, 1, 1), 14
_PUBLISHED = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")
_NAMES = re.compile(r"\b(raw|core)([./])(impressions|plays|play_attributions|impression_plays)\b")
_STAMPS: dict[int | None, str] = {0: EMPTY}
_VERDICTS = tuple(
    Verdict(audit=f"audit_{number}", severity="blocking", verdict="pass", detail="0 bad rows of 1,000,000 were found")
    for number in range(20)
)


def build_history(settings: Settings, datasets: int, days: int) -> Settings:
    """Make a lake of at least so many published datasets, each with so many days from `FIRST` on.

    Returns:
        The settings of the lake: where there are more than four datasets, with contracts of their own.
    """
    copies = ceil(datasets / len(_PUBLISHED))
    if copies > 1:
        settings = settings.model_copy(update={"sql_dir": _copied_contracts(settings, copies)})
    lake = Lake.open(settings)
    last = FIRST + timedelta(days=days - 1)
    raw = [contract.dataset for contract in lake.registry.all() if contract.namespace == "raw" and contract.day_column]
    for dataset in raw:
        lake.ensure(dataset)
    declare(lake, [Manifest(name, day, 0, True, None, _noon(day)) for name in raw for day in day_range(FIRST, last)])
    published = [contract.dataset for contract in lake.registry.all() if contract.transform and not contract.is_live]
    for dataset in lake.registry.upstream_order(published):
        record(lake, list(_publications(lake, lake.registry.get(dataset), last)))
    return settings


def _publications(lake: Lake, contract: Contract, last: date) -> Iterator[Publication]:
    lake.ensure(contract.dataset)
    heads = {spec.dataset: refs.head(lake.table(spec.dataset)) for spec in contract.inputs}
    for day in day_range(FIRST, last):
        run = _run(lake, contract, day, last, heads)
        head, sequence = 1, 0
        if day > last - timedelta(days=KEPT):
            commit_nothing(lake, contract.dataset, refs.MAIN, run.to_summary())
            table = lake.table(contract.dataset)
            head = refs.head(table)
            sequence = refs.sequence(table, head)
        yield Publication(
            run,
            day,
            State.PUBLISHED,
            1,
            _noon(day),
            head,
            head,
            sequence,
            False,
            _VERDICTS,
            Rows(),
            stamps=_STAMPS,
        )


def _run(lake: Lake, contract: Contract, day: date, last: date, heads: dict[str, int]) -> Run:
    pins = []
    for spec in contract.inputs:
        landed = lake.registry.get(spec.dataset).transform is None
        read = [earlier for earlier in day_range(*contract.input_days(spec, day, day)) if FIRST <= earlier <= last]
        stamps = {} if landed else dict.fromkeys(read, day_stamp(_STAMPS) or "")
        pins.append(
            InputPin(
                spec.dataset,
                heads[spec.dataset],
                1,
                0 if landed else None,
                dict.fromkeys(read, int(not landed)),
                stamps,
            )
        )
    identity = f"{contract.dataset}_{day:%Y%m%d}_1".replace(".", "_")
    return Run(
        identity, contract.dataset, str(day), day, day, 1, tuple(pins), "1.0.0", "bench", _noon(day), as_of=end_of(last)
    )


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _copied_contracts(settings: Settings, copies: int) -> Path:
    """Return a folder of contracts with several copies of those of events and of the datasets derived from them."""
    folder = settings.home / "sql"
    shutil.copytree(CHECKOUT / "sql", folder, dirs_exist_ok=True)
    sources = [path for path in (CHECKOUT / "sql").glob("*/*/") if _NAMES.fullmatch("/".join(path.parts[-2:]))]
    for number in range(1, copies):

        def renamed(text: str, suffix: str = f"_{number:02}") -> str:
            return _NAMES.sub(lambda match: match[0] + suffix, text)

        for source in sources:
            target = folder / renamed("/".join(source.parts[-2:]))
            shutil.copytree(source, target, dirs_exist_ok=True)
            for path in target.rglob("*.*"):
                # A topic belongs to one dataset.
                path.write_text(re.sub(r"topic: \w+", rf"\g<0>_{number:02}", renamed(path.read_text())))
    return folder
