"""`serve.yaml`: what it may say, and which line is told where it is wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.served import OFFERS, served_settings

from matinee.contracts.loader import load as load_contract
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.errors import ContractError, UsageError
from matinee.serving.declaration import Gates, check, every_served, is_served, load, served
from matinee.settings import CHECKOUT

Serve = Callable[[str], Contract]
GOOD = "key: [profile_id, play_id]\nrows: newest_key\n"


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Put a `serve.yaml` beside the contract of published plays; return the contract."""
    folder = shutil.copytree(CHECKOUT / "sql" / "core" / "plays", tmp_path / "core" / "plays")

    def write(text: str) -> Contract:
        (folder / "serve.yaml").write_text(text)
        return load_contract(folder / "contract.odcs.yaml")

    return write


def told(contract: Contract) -> list[tuple[int, str]]:
    return [(problem.line, problem.reason) for problem in check(contract)]


def test_what_is_not_said_has_its_default(serve: Serve) -> None:
    declared = load(serve(GOOD))
    assert (declared.key.names, declared.key.types) == (("profile_id", "play_id"), ("string", "string"))
    assert "profile_id" not in declared.values
    assert {"title_id", "start_ts", "profile_bucket"} <= {*declared.values}
    assert (declared.last_days, declared.store, declared.shards, declared.keep) == (1, "rocksdb", 4, 3)
    assert (declared.when, declared.on_withdraw, declared.gates) == ("published", "keep", Gates())


def test_everything_may_be_said_in_twenty_lines(serve: Serve) -> None:
    text = (
        "key: [profile_id, play_id]\nvalues: [title_id, duration_ms]\nrows: {last_days: 7}\nstore: rocksdb\nshards: 8\n"
        "keep: 5\nwhen: by_hand\non_withdraw: rollback\ngates:\n  added: 0.5\n  removed: 0.1\n  changed: 0.2\n"
        "  compare: [duration_ms]\n"
    )
    declared = load(serve(text))
    assert (declared.last_days, declared.store, declared.shards, declared.keep) == (7, "rocksdb", 8, 5)
    assert declared.gates == Gates(0.5, 0.1, 0.2, ("duration_ms",))
    assert declared.columns == ("profile_id", "play_id", "title_id", "duration_ms")
    assert load(serve(GOOD.replace("newest_key", "all"))).last_days is None


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("key: [profile_id\n", 2, "is not readable YAML"),
        ("key: [profile_id]\n", 1, "'rows' is a required property"),
        (GOOD + "shard: 4\n", 3, "knows no 'shard' here"),
        (GOOD + "gates:\n  adds: 1\n", 4, "gates: knows no 'adds' here"),
        (GOOD + "shards: 0\n", 3, "shards: 0 is less than the minimum of 1"),
        (GOOD + "keep: 1\n", 3, "keep: 1 is less than the minimum of 2"),
        (GOOD + "store: etcd\n", 3, "store: 'etcd' is not one of"),
        ("key: [profile_id]\nrows: {last_days: 0}\n", 2, "last_days: 0 is less"),
        ("key: [profile_id]\nrows: newest\n", 2, "rows"),
        ("key: []\nrows: all\n", 1, "key"),
        ("key: [nobody]\nrows: all\n", 1, "core.plays has no column nobody"),
        ("key:\n  - profile_id\n  - device\nrows: all\n", 3, "device may be null: a key has no NULL"),
        (GOOD + "values:\n  - title_id\n  - profile_id\n", 5, "profile_id stands in the key already"),
        (GOOD + "values: [title]\n", 3, "core.plays has no column title"),
        (GOOD + "values: [title_id]\ngates:\n  changed: 0.1\n  compare: [device]\n", 6, "device is not among"),
        (GOOD + "gates:\n  changed: 0.1\n", 4, "changed needs `compare`"),
        (GOOD + "rows: all\n", 3, "key 'rows' stands here again"),
        (GOOD + "# \n" * 20, 21, "has 22 lines: at most 20"),
    ],
)
def test_a_mistake_is_told_with_its_line(serve: Serve, text: str, line: int, reason: str) -> None:
    [(told_line, told_reason)] = told(serve(text))
    assert told_line == line
    assert reason in told_reason


def test_a_column_of_a_double_is_no_part_of_a_key(serve: Serve) -> None:
    contract = serve(GOOD)
    file = contract.folder / "contract.odcs.yaml"
    text = file.read_text()
    file.write_text(text.replace("physicalType: long", "physicalType: double"))
    changed = load_contract(file)
    assert [column.name for column in changed.columns if column.type == "double"] == ["duration_ms"]
    (contract.folder / "serve.yaml").write_text("key: [duration_ms]\nrows: all\n")
    assert told(changed) == [
        (1, "duration_ms is a double: a key has columns of type string, int, long, date, timestamptz, boolean")
    ]


def test_unpublished_rows_are_not_served(tmp_path: Path) -> None:
    folder = shutil.copytree(CHECKOUT / "sql" / "raw" / "plays", tmp_path / "raw" / "plays")
    (folder / "serve.yaml").write_text("key: [play_id]\nrows: all\n")
    assert told(load_contract(folder / "contract.odcs.yaml")) == [
        (1, "raw.plays is not published: only audited rows are served")
    ]


def test_the_first_mistake_ends_a_load_with_its_place(serve: Serve) -> None:
    contract = serve(GOOD + "shards: many\n")
    with pytest.raises(ContractError) as wrong:
        load(contract)
    assert wrong.value.message.startswith(f"{contract.folder / 'serve.yaml'}:3: shards: 'many' is not of type")
    assert "matinee kv check core.plays" in wrong.value.next_step


def test_a_dataset_without_the_file_is_not_served() -> None:
    contract = load_contract(CHECKOUT / "sql" / "core" / "plays" / "contract.odcs.yaml")
    assert not is_served(contract)
    with pytest.raises(UsageError, match=r"core.plays is not served"):
        load(contract)


def test_a_dataset_whose_contract_cannot_be_used_is_served_all_the_same(tmp_path: Path) -> None:
    settings = served_settings(tmp_path)
    (settings.sql_dir / "dims" / "offers" / "contract.odcs.yaml").write_text("[")
    registry = Registry.load(settings.sql_dir)
    assert served(registry) == []
    assert every_served(registry, settings.sql_dir) == [OFFERS]
