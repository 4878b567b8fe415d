"""Parsed rows as their readers take them: of a bad row some columns are kept, the others may hold any value."""

import pyarrow as pa
import pyarrow.compute as pc

#: What is kept of a bad row.
OF_BAD_ROWS = ("file", "line", "landed_ts", "reason", "payload", "unknown", "received_ts")


def kept(rows: pa.Table) -> pa.Table:
    """Return parsed rows with nulls where their readers look at nothing."""
    are_good = rows["reason"].is_null()
    columns = {
        name: rows[name] if name in OF_BAD_ROWS else pc.if_else(are_good, rows[name], None)
        for name in rows.schema.names
    }
    return pa.table(columns).cast(rows.schema)
