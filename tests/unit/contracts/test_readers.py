"""Every parameter that code reads by name is registered, so that a contract without it is refused."""

import ast
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from matinee.contracts.loader import load
from matinee.contracts.readers import HOOK, SQL_FILE, decides_rows
from matinee.contracts.registry import Registry
from matinee.contracts.validate import check
from matinee.errors import UsageError
from matinee.hooks import registered
from matinee.settings import CHECKOUT

SHIPPED = CHECKOUT / "sql"
READ = {"duration", "number", "micros"}


def read_by_name() -> Iterator[tuple[str, str]]:
    for path in sorted((CHECKOUT / "jobs" / "matinee").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READ:
                names = [text.value for text in node.args if isinstance(text, ast.Constant)]
                yield from ((path.name, name) for name in names if isinstance(name, str) and "." in name)


def test_each_parameter_that_is_read_by_its_name_is_registered() -> None:
    needed = {name for entry in registered(HOOK).values() for name in entry.load()}
    reads = set(read_by_name())
    assert {(file, name) for file, name in reads if name not in needed} == set()
    assert ("attribution.py", "attribution.window") in reads


@pytest.mark.parametrize(
    ("dataset", "name", "reader", "kind"),
    [
        ("raw.plays", "stream.max_bad_share", "event", "number"),
        ("raw.plays", "stream.max_skew", "event", "duration"),
        ("core.play_attributions", "attribution.min_delay", "attribute_plays", "duration"),
        ("core.impression_plays", "attribution.min_delay", "derive_impression_plays", "duration"),
        ("core.impression_plays", "live.keep", "live", "duration"),
    ],
)
def test_a_parameter_that_is_read_and_missing_is_refused(
    tmp_path: Path, dataset: str, name: str, reader: str, kind: str
) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "sql")) / Path(*dataset.split("."))
    file = folder / "contract.odcs.yaml"
    other = file.read_text().replace(f"      {name}:", "      other:")
    file.write_text(other)
    assert f"parameter {name} is missing: {reader} reads it, a {kind}" in [problem.reason for problem in check(file)]
    file.write_text(
        other.replace("      other:", f'      {name}: "{"24h" if kind == "number" else "0.5"}"\n      other:')
    )
    assert any(f"{reader} reads a {kind}" in problem.reason for problem in check(file))


def test_sql_that_binds_what_no_parameter_declares_is_refused(tmp_path: Path) -> None:
    folder = Path(
        shutil.copytree(SHIPPED / "core" / "impression_plays", tmp_path / "sql" / "core" / "impression_plays")
    )
    text = (
        "-- severity: warning\n-- why: a test of :nothing\nSELECT ':text', 1::int FROM candidate WHERE 1 < :take_rate\n"
    )
    (folder / "audits" / "odd.sql").write_text(text)
    (problem,) = check(folder / "contract.odcs.yaml")
    assert problem.reason == "odd.sql binds :take_rate, which no parameter declares"


def test_a_missing_parameter_is_named_where_it_is_read() -> None:
    with pytest.raises(UsageError, match=r"raw.plays has no parameter stream.delay"):
        load(SHIPPED / "raw" / "plays" / "contract.odcs.yaml").duration("stream.delay")


def test_the_shipped_transforms_tell_what_decides_their_rows() -> None:
    registry = Registry.load(SHIPPED)
    assert {contract.dataset: sorted(decides_rows(contract)) for contract in registry.all() if contract.transform} == {
        "core.impressions": [],
        "core.plays": [],
        "core.play_attributions": ["attribution.min_delay", "attribution.window"],
        "core.impression_plays": ["attribution.min_delay", "attribution.window"],
        "features.impression_daily": ["location.middle", "location.top"],
        "features.impression_ema": [],
    }


def test_sql_tells_by_what_it_binds_what_decides_its_rows(tmp_path: Path) -> None:
    contract = Registry.load(SHIPPED).get("core.impression_plays")
    (tmp_path / SQL_FILE).write_text("SELECT 1 -- :live_keep_us\nWHERE ts < :attribution_window_us\n")
    by_sql = replace(contract, folder=tmp_path, transform=SQL_FILE)
    assert set(decides_rows(by_sql)) == {"attribution.window"}


def test_all_parameters_decide_rows_of_a_transform_that_registers_none() -> None:
    contract = Registry.load(SHIPPED).get("core.impression_plays")
    assert decides_rows(replace(contract, transform="other")) == contract.parameters
