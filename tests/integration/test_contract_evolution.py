"""A table follows its contract on a real catalog, and files written before still read right."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.nested import list_of

from matinee.contracts.ddl import iceberg_schema, partition_spec, sort_order, table_properties
from matinee.contracts.evolve import apply, plan
from matinee.contracts.model import Cells, Column, Contract, PartitionField
from matinee.contracts.registry import Registry
from matinee.errors import CommitConflictError, ContractError
from matinee.publication.terms import in_buckets
from matinee.settings import CHECKOUT

if TYPE_CHECKING:
    from pyiceberg.table import Table

DAY = date(2026, 3, 1)
NAME = Column("name", "string", required=True, doc="Who was seen.")
VIEWS = Column("views", "int", required=True, doc="How often.")
DAY_SEEN = Column("day", "date", required=True, doc="The day.")
SEEN_ON = list_of("seen_on", "string")
NOTE = Column("note", "string", required=False, doc="Why.")


@pytest.fixture(scope="module")
def shipped() -> Contract:
    return Registry.load(CHECKOUT / "sql").get("core.plays")


@pytest.fixture
def contract(shipped: Contract) -> Contract:
    return replace(
        shipped,
        dataset="core.seen",
        description="Who was seen how often.",
        columns=(NAME, VIEWS, DAY_SEEN),
        partitions=(PartitionField("day", "identity"),),
        sort_order=("name",),
    )


@pytest.fixture
def create(tmp_path: Path) -> Callable[[Contract], "Table"]:
    from pyiceberg.catalog import load_catalog

    catalog = load_catalog("lake", type="sql", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}")

    def make(contract: Contract) -> "Table":
        catalog.create_namespace_if_not_exists(contract.namespace)
        schema = iceberg_schema(contract)
        spec, order = partition_spec(contract, schema), sort_order(contract, schema)
        properties = table_properties(contract)
        return catalog.create_table(
            contract.dataset, schema, partition_spec=spec, sort_order=order, properties=properties
        )

    return make


@pytest.fixture
def table(create: Callable[[Contract], "Table"], contract: Contract) -> "Table":
    table = create(contract)
    append(table, {"name": "ana", "views": 7, "day": DAY})
    return table


def append(table: "Table", row: dict[str, object]) -> None:
    import pyarrow as pa

    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))


def rows(table: "Table") -> list[dict[str, object]]:
    return sorted(table.scan().to_arrow().to_pylist(), key=str)


def with_columns(contract: Contract, *columns: Column) -> Contract:
    return replace(contract, columns=columns)


def test_a_new_table_is_already_at_its_contract(table: "Table", contract: Contract) -> None:
    assert plan(contract, table) == ()


@pytest.mark.parametrize("dataset", ["raw.plays", "raw.quarantine", "core.impression_plays", "ops.manifests"])
def test_the_table_of_a_shipped_contract_is_at_its_contract(
    create: Callable[[Contract], "Table"], dataset: str
) -> None:
    shipped = Registry.load(CHECKOUT / "sql").get(dataset)

    table = create(shipped)

    assert plan(shipped, table) == ()
    assert table.format_version == 2


def test_old_files_read_right_after_add_rename_and_widen(table: "Table", contract: Contract) -> None:
    renamed = replace(NAME, name="profile", previous_name="name")
    wider = replace(VIEWS, type="long")
    changed = replace(with_columns(contract, renamed, wider, NOTE, DAY_SEEN), sort_order=("profile",))

    apply(changed, table)
    append(table, {"profile": "bo", "views": 2**40, "note": "live", "day": DAY})

    assert rows(table) == [
        {"profile": "ana", "views": 7, "note": None, "day": DAY},
        {"profile": "bo", "views": 2**40, "note": "live", "day": DAY},
    ]
    assert plan(changed, table) == ()


def test_a_list_may_be_added_and_relaxed_no_further(table: "Table", contract: Contract) -> None:
    with_list = with_columns(contract, NAME, VIEWS, DAY_SEEN, SEEN_ON)
    assert [str(change) for change in apply(with_list, table)] == ["add seen_on: nothing -> list<string>"]
    append(table, {"name": "bo", "views": 1, "day": DAY, "seen_on": ["tv"]})

    assert [row["seen_on"] for row in rows(table)] == [None, ["tv"]]
    assert plan(with_list, table) == ()
    for other in (list_of("seen_on", "string", nulls=True), list_of("seen_on", "int")):
        with pytest.raises(ContractError, match=r"seen_on cannot become list<.*>: its list<string> values"):
            plan(with_columns(contract, NAME, VIEWS, DAY_SEEN, other), table)
    with pytest.raises(ContractError, match="views cannot become list<string>: its int values"):
        plan(with_columns(contract, NAME, list_of("views", "string"), DAY_SEEN, SEEN_ON), table)


def test_the_plan_names_each_change(table: "Table", contract: Contract) -> None:
    renamed = replace(NAME, name="profile", previous_name="name", doc="The profile.")
    wider = replace(VIEWS, type="long", required=False)
    changed = replace(with_columns(contract, renamed, wider, NOTE, DAY_SEEN), sort_order=("views",))

    assert [str(change) for change in plan(changed, table)] == [
        "rename profile: name -> profile",
        "doc profile: Who was seen. -> The profile.",
        "widen views: int -> long",
        "relax views: required -> optional",
        "add note: nothing -> string",
        "move note: after day -> after views",
        "sort core.seen: profile -> views",
    ]


def test_planning_changes_nothing(table: "Table", contract: Contract) -> None:
    before = table.metadata_location

    plan(with_columns(contract, NAME, VIEWS, DAY_SEEN, NOTE), table)

    assert table.refresh().metadata_location == before


def test_all_changes_are_one_commit(table: "Table", contract: Contract) -> None:
    renamed = replace(NAME, name="profile", previous_name="name")
    wanted = with_columns(contract, NOTE, replace(VIEWS, type="long", required=False, doc="Times."), renamed, DAY_SEEN)
    changed = replace(wanted, sort_order=("views", "profile"), description="Seen.")
    commits = len(table.metadata.metadata_log)

    apply(changed, table)

    assert len(table.metadata.metadata_log) == commits + 1
    assert [field.name for field in table.schema().fields] == ["note", "views", "profile", "day"]
    assert plan(changed, table) == ()


def test_a_changed_comment_is_applied(table: "Table", contract: Contract) -> None:
    apply(with_columns(contract, replace(NAME, doc="The profile."), VIEWS, DAY_SEEN), table)

    assert table.schema().find_field("name").doc == "The profile."


def test_a_changed_description_is_applied(table: "Table", contract: Contract) -> None:
    apply(replace(contract, description="Seen."), table)

    assert table.properties["comment"] == "Seen."


def test_giving_up_the_sort_order_is_refused(table: "Table", contract: Contract) -> None:
    with pytest.raises(ContractError, match="column name is no longer sorted by"):
        apply(replace(contract, sort_order=()), table)


def test_the_column_that_partitions_may_be_renamed(table: "Table", contract: Contract) -> None:
    renamed = replace(DAY_SEEN, name="event_day", previous_name="day")
    changed = replace(
        with_columns(contract, NAME, VIEWS, renamed), partitions=(PartitionField("event_day", "identity"),)
    )

    apply(changed, table)
    append(table, {"name": "bo", "views": 1, "event_day": DAY})

    assert [row["event_day"] for row in rows(table)] == [DAY, DAY]


def test_a_new_column_may_not_take_an_old_name_of_files_read_by_name(table: "Table", contract: Contract) -> None:
    from pyiceberg.table.name_mapping import create_mapping_from_schema

    mapping = create_mapping_from_schema(table.schema()).model_dump_json()
    with table.transaction() as transaction:
        transaction.set_properties({"schema.name-mapping.default": mapping})
    renamed = replace(NAME, name="profile", previous_name="name")
    by_profile = replace(contract, sort_order=("profile",))
    apply(with_columns(by_profile, renamed, VIEWS, DAY_SEEN), table)
    again = replace(NAME, required=False)
    with pytest.raises(ContractError, match="name is added under a name that another column had"):
        plan(with_columns(by_profile, renamed, VIEWS, DAY_SEEN, again), table)


UNSAFE = [
    pytest.param((NAME, DAY_SEEN), "views is dropped", "previousName: views", id="drop"),
    pytest.param(
        (NAME, replace(VIEWS, type="string"), DAY_SEEN), "views cannot become string", "add a column", id="type"
    ),
    pytest.param(
        (NAME, VIEWS, DAY_SEEN, replace(NOTE, required=True)), "note is added as", "without required", id="add"
    ),
]


@pytest.mark.parametrize(("columns", "reason", "way_out"), UNSAFE)
def test_an_unsafe_change_is_refused_with_column_and_way_out(
    table: "Table", contract: Contract, columns: tuple[Column, ...], reason: str, way_out: str
) -> None:
    before = table.metadata_location

    with pytest.raises(ContractError, match=f"column {reason}") as refusal:
        apply(with_columns(contract, *columns), table)

    assert way_out in refusal.value.next_step
    assert table.refresh().metadata_location == before


def test_a_narrower_type_is_refused(create: Callable[[Contract], "Table"], contract: Contract) -> None:
    table = create(with_columns(contract, NAME, replace(VIEWS, type="long"), DAY_SEEN))

    with pytest.raises(ContractError, match="column views cannot become int: its long values would not all fit"):
        apply(contract, table)


def test_an_optional_column_cannot_become_required(create: Callable[[Contract], "Table"], contract: Contract) -> None:
    table = create(with_columns(contract, NAME, replace(VIEWS, required=False), DAY_SEEN))

    with pytest.raises(ContractError, match="column views becomes required"):
        apply(contract, table)


@pytest.mark.parametrize(
    "partitions",
    [(), (PartitionField("day", "day"),), (PartitionField("day", "identity"), PartitionField("views", "identity"))],
)
def test_another_partitioning_is_refused(
    table: "Table", contract: Contract, partitions: tuple[PartitionField, ...]
) -> None:
    with pytest.raises(ContractError, match="changes the partitioning") as refusal:
        apply(replace(contract, partitions=partitions), table)

    assert refusal.value.facts["column"] in {"day", "views"}
    assert "identity(day)" in refusal.value.next_step


def test_a_change_that_comes_between_is_a_conflict(table: "Table", contract: Contract) -> None:
    stale = table.catalog.load_table("core.seen")
    apply(with_columns(contract, NAME, VIEWS, DAY_SEEN, NOTE), table)

    with pytest.raises(CommitConflictError):
        apply(with_columns(contract, NAME, replace(VIEWS, type="long"), DAY_SEEN), stale)
    assert [field.name for field in table.refresh().schema().fields] == ["name", "views", "day", "note"]


def test_cells_of_another_column_are_refused(create: Callable[[Contract], "Table"], shipped: Contract) -> None:
    table = create(shipped)
    refusal = "The column of the buckets of core.plays is profile_id in its table, title_id in its"
    with pytest.raises(ContractError, match=refusal):
        plan(replace(shipped, cells=Cells("profile_bucket", "title_id", 8)), table)


def test_another_number_of_buckets_changes_only_days_written_later(
    create: Callable[[Contract], "Table"], shipped: Contract
) -> None:
    table = create(shipped)
    assert plan(in_buckets(shipped, 16), table) == ()


def test_another_number_of_buckets_is_refused_without_a_backfill(
    create: Callable[[Contract], "Table"], shipped: Contract
) -> None:
    landed = replace(shipped, kind="event", transform=None)
    with pytest.raises(ContractError, match=r"The number of the buckets of core\.plays is 8 in its table, 16 in"):
        plan(in_buckets(landed, 16), create(landed))
