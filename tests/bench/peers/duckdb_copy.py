"""DuckDB: landing files to Parquet of the same typed columns. A program of its own, which imports nothing else.

`python -m tests.bench.peers.duckdb_copy 'FOLDER/*.jsonl' TARGET`
"""

import sys

import duckdb

COLUMNS = {
    **dict.fromkeys(("event_id", "profile_id", "title_id", "device", "country", "page_id", "app_version"), "VARCHAR"),
    **dict.fromkeys(("row", "position"), "INTEGER"),
    **dict.fromkeys(("event_ts", "received_ts"), "TIMESTAMPTZ"),
}


def copy(pattern: str, target: str) -> int:
    """Write the rows of the files that a pattern names to a folder, and return how many there were."""
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        if pattern.endswith(".parquet"):
            source = f"read_parquet('{pattern}')"
        else:
            # Lines that are no JSON are there: they become rows of nulls.
            source = f"read_json('{pattern}', format = 'newline_delimited', columns = {COLUMNS}, ignore_errors = true)"
        query = f"SELECT {', '.join(COLUMNS)} FROM {source}"
        written = connection.execute(
            f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT true)"
        ).fetchone()
    assert written is not None
    return int(written[0])


if __name__ == "__main__":
    print(copy(*sys.argv[1:]))  # noqa: T201 - a program
