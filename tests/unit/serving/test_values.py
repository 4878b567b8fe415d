"""Values: protobuf's own library reads what is encoded a column at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from tests.support.nested import with_lists, with_structs

from matinee.contracts.ddl import iceberg_schema
from matinee.contracts.model import Column, Contract
from matinee.contracts.registry import Registry
from matinee.serving.values import Value, fields_of
from matinee.settings import CHECKOUT

RAW = Registry.load(CHECKOUT / "sql").get("raw.plays")
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
}


def of(column: Column) -> st.SearchStrategy[Any]:
    """Values of a column."""
    if column.items:
        values: st.SearchStrategy[Any] = st.lists(of(column.items), max_size=3)
    elif column.fields:
        values = st.fixed_dictionaries({field.name: of(field) for field in column.fields})
    else:
        values = SCALARS[column.type]
    return values if column.required else st.none() | values


def value_of(contract: Contract, schema: Schema | None = None) -> Value:
    return Value(contract.dataset, fields_of(schema or iceberg_schema(contract), contract.column_names))


def batch_of(contract: Contract, rows: list[Mapping[str, object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema_to_pyarrow(iceberg_schema(contract), include_field_ids=False))


@pytest.mark.parametrize("contract", [with_lists(RAW), with_structs(RAW)], ids=lambda contract: contract.dataset)
def test_every_type_is_read_as_it_was_written(contract: Contract) -> None:
    rows_of = st.fixed_dictionaries({column.name: of(column) for column in contract.columns})
    value = value_of(contract)

    @settings(deadline=None, max_examples=40)
    @given(st.lists(rows_of, min_size=1, max_size=4))
    def check(rows: list[dict[str, object]]) -> None:
        batch = batch_of(contract, rows)
        assert [value.decode(content) for content in value.encode_batch(batch).to_pylist()] == rows
        assert [value.decode(content) for content in value.encode_batch(batch.slice(1)).to_pylist()] == rows[1:]

    check()


def table_of(*columns: tuple[int, str, str]) -> tuple[Contract, Schema]:
    """A contract with these columns, and the schema of its table, which gave them these ids."""
    described = tuple(Column(name, kind, required=False, doc="") for _, name, kind in columns)
    contract = replace(RAW, dataset="features.title_daily", columns=described)
    known = {field.name: field for field in iceberg_schema(contract).fields}
    fields = (known[name].model_copy(update={"field_id": number}) for number, name, _ in columns)
    return contract, Schema(*fields)


def test_a_field_has_the_number_of_its_column_in_the_table() -> None:
    value = value_of(*table_of((4, "plays", "long"), (2, "seen", "date")))
    assert value.full_name == "matinee.served.features.TitleDaily"
    assert {field.name: field.number for field in value.message.DESCRIPTOR.fields} == {"plays": 4, "seen": 2}


def test_values_are_read_after_columns_were_renamed_widened_and_added() -> None:
    before, schema = table_of((1, "title", "string"), (2, "plays", "int"))
    content = value_of(before, schema).encode_batch(batch_of(before, [{"title": "a", "plays": 7}]))[0].as_py()
    after, schema = table_of((3, "seen", "timestamptz"), (2, "taken", "long"), (1, "title", "string"))
    assert value_of(after, schema).decode(content) == {"seen": None, "taken": 7, "title": "a"}
    row = {"seen": datetime(2026, 3, 1, tzinfo=UTC), "taken": 2**40, "title": None}
    newer = value_of(after, schema).encode_batch(batch_of(after, [row]))[0].as_py()
    assert value_of(*table_of((1, "title", "string"), (2, "plays", "long"))).decode(newer) == {
        "title": None,
        "plays": 2**40,
    }


def test_null_is_neither_zero_nor_an_empty_list() -> None:
    contract = with_lists(RAW)
    empty = {column.name: None for column in contract.columns} | {"texts": [], "longs0": [None, 0], "longs1": []}
    value = value_of(contract)
    read = value.decode(value.encode_batch(batch_of(contract, [empty]))[0].as_py())
    assert (read["texts"], read["longs0"], read["longs1"], read["ints1"]) == ([], [None, 0], [], None)


def test_a_value_without_columns_is_empty() -> None:
    batch = batch_of(RAW, [dict.fromkeys(RAW.column_names)])
    assert Value("raw.plays", ()).encode_batch(batch).to_pylist() == [b""]


def test_the_descriptor_reads_as_json() -> None:
    from google.protobuf.json_format import MessageToDict

    contract, schema = table_of((1, "title", "string"), (2, "seen", "date"), (3, "at", "timestamptz"))
    value = value_of(contract, schema)
    row = {"title": "a", "seen": date(2026, 3, 1), "at": datetime(2026, 3, 1, 12, tzinfo=UTC)}
    content = value.encode_batch(batch_of(contract, [row]))[0].as_py()
    assert MessageToDict(value.message.FromString(content)) == {
        "title": "a",
        "seen": "2026-03-01",
        "at": "2026-03-01T12:00:00Z",
    }
