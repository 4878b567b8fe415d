"""What `matinee contract check` refuses, with the line of each fault."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.loader import load
from matinee.contracts.validate import check, check_all
from matinee.errors import ContractError
from matinee.settings import CHECKOUT

WriteContract = Callable[..., Path]

KEEP = "customProperties:\n  - property: keep\n    value:"
KIND = "customProperties:\n  - property: kind\n    value:"
SOURCE = "customProperties:\n  - property: source\n    value:"
NAMED = "customProperties:\n  - property: {}\n    value:"
CELLS = "customProperties:\n  - property: cells\n    value:"
BY_THE_STANDARD = [
    pytest.param("id: core.ratings\n", "", 1, "'id' is a required property", id="no id"),
    pytest.param("status: active", "owner: me", 6, "ODCS knows no 'owner' here", id="a stray key"),
    pytest.param("required: true", "required: sometimes", 18, "required: 'sometimes' is not of type", id="not a flag"),
    pytest.param("logicalType: integer", "logicalType: stars", 22, "'stars' is not one of", id="no logical type"),
    pytest.param("minimum: 1", "least: 1", 27, "ODCS knows no 'least' here", id="a stray option"),
    pytest.param("unit: h\n", "unit: h\n    unit: d\n", 40, "key 'unit' stands here again", id="a key twice"),
    pytest.param(
        "description: Stars", "colour: red\n        description: Stars", 25, "'colour' here", id="a stray of a column"
    ),
    pytest.param("id: core.ratings", "id: [core.ratings", 4, "is not readable YAML", id="not YAML"),
]
BY_OUR_RULES = [
    pytest.param("apiVersion: v3.2.0", "apiVersion: v3.1.0", 1, "must be v3.2.0", id="an older standard"),
    pytest.param("id: core.ratings", "id: Ratings", 3, "'Ratings' is not a dataset's name", id="no dataset name"),
    pytest.param("id: core.ratings", "id: core.stars", 3, "must be core.ratings, as the folders", id="another folder"),
    pytest.param("name: stars", "name: stars; DROP", 21, "is not a name", id="an unsafe name"),
    pytest.param("name: stars", "name: rating_id", 21, "rating_id is declared twice", id="a column twice"),
    pytest.param("physicalType: int", "physicalType: decimal", 23, "'decimal' is not one of", id="an unknown type"),
    pytest.param("physicalType: int", "physicalType: double", 22, "of type double is number", id="two types"),
    pytest.param("minimum: 1", "minimum: 6", 26, "minimum 6 is above maximum 5", id="an empty range"),
    pytest.param("        required: true\n", "", 18, "so it must be required", id="an optional key"),
    pytest.param("value: rated_day", "value: stars", 42, "must be a required column of type date", id="no day"),
    pytest.param("property: dayColumn", "property: dayColum", 41, "'dayColum' is not a custom", id="a misspelling"),
    pytest.param("[rating_id]", "[rating]", 44, "names rating, which is no column", id="sorted by nothing"),
    pytest.param("lookback: ratings.window", "lookback: window", 49, "neither a parameter nor", id="no such length"),
    pytest.param(
        "Stars, from 1 to 5.", "Stars." * 50, 25, "has 300 characters; catalogs keep 255", id="a long comment"
    ),
    pytest.param('"24h"', '"a day"', 54, "neither a number nor a duration", id="no duration"),
    pytest.param('"24h"', '"24h"\n      stream.delay: "1h"', 55, "is called source.delay", id="a former name"),
    pytest.param('"24h"', '"24h"\n      source.repeats: "2"', 55, "not a share in [0, 1)", id="no share"),
    pytest.param('"24h"', '"24h"\n      source.delay: "3"', 55, "not a duration such as 10m", id="no delay"),
    pytest.param("partitionKeyPosition: 1", "partitionKeyPosition: 2", 29, "must be 1 to 1", id="a gap"),
    pytest.param("customProperties:", f"{KEEP} soon", 42, "must be a duration such as 400d", id="no length to keep"),
    pytest.param("customProperties:", f"{KEEP} 36h", 42, "must be whole days, at least one", id="half a day to keep"),
    pytest.param("customProperties:", f"{SOURCE} {{topic: a b}}", 42, "is not a topic's name", id="no topic"),
    pytest.param("customProperties:", f"{SOURCE} {{queue: a}}", 42, "has files and topic only", id="no source"),
    pytest.param("customProperties:", f"{SOURCE} {{files: true}}", 42, "only landed rows have a source", id="derived"),
    pytest.param(
        "customProperties:", f"{NAMED.format('segment')} [stars, device]", 42, "names device, which is", id="no segment"
    ),
    pytest.param("customProperties:", f"{NAMED.format('location')} [row]", 42, "names row, which is", id="no location"),
    pytest.param(
        "customProperties:", f"{NAMED.format('location')} [stars, stars]", 42, "names stars twice", id="twice"
    ),
    pytest.param("customProperties:", f"{NAMED.format('measures')} [rated_day]", 42, "is no number", id="no measure"),
    pytest.param("customProperties:", f"{KIND} live", 42, "'live' is not one of event, derived", id="no kind"),
    pytest.param("customProperties:", f"{KIND} register", 42, "a transform makes what is derived", id="another kind"),
    pytest.param(
        "customProperties:",
        f"{CELLS} {{column: bucket, of: rating_id, buckets: 4}}",
        42,
        "cells name bucket, which is no required column of type int",
        id="cells of no column",
    ),
    pytest.param(
        "customProperties:",
        f"{CELLS} {{column: stars, of: rated_day, buckets: 6}}",
        42,
        "cells name rated_day, which is no required column of type string",
        id="cells of a day",
    ),
    pytest.param(
        "customProperties:",
        f"{CELLS} {{column: stars, of: rating_id, buckets: 0}}",
        42,
        "cells must have at least 1 bucket",
        id="no bucket",
    ),
    pytest.param(
        "description: Stars",
        "partitioned: true\n        partitionKeyPosition: 2\n        description: Stars",
        42,
        "declare the cells that it tells apart",
        id="buckets without cells",
    ),
    pytest.param(
        "          minimum: 1\n          maximum: 5\n",
        "          maximum: 5\n        customProperties:\n          - {property: belowMinimum, value: too_few}\n",
        28,
        "declare the minimum",
        id="a reason without a minimum",
    ),
    pytest.param(
        "customProperties:",
        f"{CELLS} {{column: stars, of: rating_id, buckets: 4}}",
        26,
        "the last bucket is 3, not 5",
        id="a last bucket of another number",
    ),
    pytest.param("value: 36", "value: soon", 38, "must be a whole number", id="no service level"),
]


@pytest.mark.parametrize(("good", "bad", "line", "reason"), BY_THE_STANDARD + BY_OUR_RULES)
def test_a_bad_contract_is_refused_with_its_line(
    write_contract: WriteContract, good: str, bad: str, line: int, reason: str
) -> None:
    file = write_contract((good, bad))

    (problem,) = check(file)

    assert (problem.file, problem.line) == (file, line)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("        primaryKey: true\n", "", "with the same primary key on the same day"),
        (
            "integer\n        physicalType: int",
            "number\n        physicalType: double",
            "engines write a double differently",
        ),
    ],
    ids=["no key", "a double"],
)
def test_a_contract_whose_repeats_cannot_be_told_is_refused(
    write_contract: WriteContract, good: str, bad: str, reason: str
) -> None:
    problems = check(write_contract(("deduplicate_ratings", "deduplicate"), (good, bad)))

    assert any(reason in problem.reason for problem in problems)


def test_the_good_contract_has_no_problems(write_contract: WriteContract) -> None:
    assert check(write_contract()) == []


def test_an_empty_contract_that_the_standards_model_accepts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "contract.odcs.yaml"
    file.write_text("{}\n")

    assert {problem.reason for problem in check(file)} >= {"'version' is a required property"}


def test_a_document_that_contains_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "contract.odcs.yaml"
    file.write_text("customProperties: &all [*all]\n")

    assert {problem.line for problem in check(file)} == {1}


def test_all_problems_of_a_contract_are_told_in_the_order_of_their_lines(write_contract: WriteContract) -> None:
    file = write_contract(("minimum: 1", "minimum: 6"), ("[rating_id]", "[rating]"), ("v3.2.0", "v3.0.0"))

    assert [problem.line for problem in check(file)] == [1, 26, 44]


def test_an_input_that_no_contract_declares_is_refused(write_contract: WriteContract) -> None:
    file = write_contract()

    (problem,) = check_all(file.parents[2])

    assert (problem.line, problem.reason) == (47, "no contract declares raw.ratings")


def test_a_parameter_that_differs_from_that_of_an_input_is_refused(write_contract: WriteContract) -> None:
    upstream = [("id: core.ratings", "id: raw.ratings"), ("core.ratings", "raw.ratings"), ('"24h"', '"40d"')]
    write_contract(*upstream, ("raw.ratings\n        alias", "raw.stars\n        alias"), dataset="raw.ratings")
    file = write_contract()

    problems = check_all(file.parents[2])

    reason = "parameter ratings.window is 24h here and 40d in its input raw.ratings: they must be the same"
    assert (54, reason) in [(problem.line, problem.reason) for problem in problems if problem.file == file]


@pytest.mark.parametrize(("days", "is_refused"), [(1, True), (2, False)])
def test_an_input_that_is_dropped_before_it_is_read_is_refused(
    write_contract: WriteContract, days: int, is_refused: bool
) -> None:
    upstream = [("id: core.ratings", "id: raw.ratings"), ("core.ratings", "raw.ratings")]
    kept = ("customProperties:", f"{KEEP} {days}d")
    write_contract(*upstream, kept, ("raw.ratings\n        alias", "raw.stars\n        alias"), dataset="raw.ratings")
    file = write_contract()

    reasons = [problem.reason for problem in check_all(file.parents[2]) if problem.file == file]

    reason = "raw.ratings is read 1 days back and keeps 1 days: no day could be derived"
    assert reasons == ([reason] if is_refused else [])


def test_a_folder_without_contracts_is_a_problem(tmp_path: Path) -> None:
    assert len(check_all(tmp_path)) == 1


def test_every_shipped_contract_is_valid() -> None:
    assert check_all(CHECKOUT / "sql") == []


def test_the_loader_refuses_what_it_cannot_read_with_file_and_line(write_contract: WriteContract) -> None:
    file = write_contract(("physicalType: int", "physicalType: decimal"))

    with pytest.raises(
        ContractError, match=r"contract\.odcs\.yaml:23: physicalType: 'decimal' is not one of"
    ) as refusal:
        load(file)
    assert refusal.value.facts["line"] == 23


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("plays_tv", "its files would be taken for those of raw.plays, whose name its own begins with"),
        ("manifest", "its files and manifests would be taken for each other: let it and manifest not begin alike"),
        ("manifestos", "its files and manifests would be taken for each other: let it and manifest not begin alike"),
        ("man", "its files and manifests would be taken for each other: let it and manifest not begin alike"),
    ],
)
def test_landed_events_whose_files_would_be_taken_for_others_are_refused(
    tmp_path: Path, name: str, reason: str
) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    (sql / "raw" / name).mkdir()
    file = sql / "raw" / name / "contract.odcs.yaml"
    text = (sql / "raw" / "plays" / file.name).read_text().replace("raw.plays", f"raw.{name}")
    file.write_text(text.replace("- name: plays\n", f"- name: {name}\n").replace("topic: plays", "topic: tv"))

    assert [(problem.file, problem.reason) for problem in check_all(sql)] == [(file, reason)]


@pytest.mark.parametrize("name", ["received_ts", "landing_seq", "file"])
def test_landed_events_without_what_landing_fills_are_refused(tmp_path: Path, name: str) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    file = sql / "raw" / "plays" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace(f"- name: {name}\n", f"- name: {name}_2\n"))

    [reason] = [problem.reason for problem in check(file) if "landing fills" in problem.reason]
    assert reason.startswith(f"landing fills {name}: landed rows need a required column of type ")


def test_a_topic_that_two_datasets_name_is_refused(tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    file = sql / "raw" / "plays" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace("topic: plays", "topic: impressions"))

    assert "topic impressions is that of raw.impressions" in [
        problem.reason for problem in check_all(sql) if problem.file == file
    ]


def test_cells_of_a_column_that_may_be_null_are_refused(tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    file = sql / "core" / "plays" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace("of: profile_id", "of: device"))

    reason = "cells name device, which is no required column of type string"
    assert reason in [problem.reason for problem in check_all(sql) if problem.file == file]


def test_a_live_table_that_nothing_fills_is_refused(write_contract: WriteContract) -> None:
    live = "customProperties:\n  - {property: live, value: true}\n"
    problems = check(write_contract(("customProperties:\n", live)))
    assert "nothing follows what deduplicate_ratings makes, so it can have no live table" in [
        problem.reason for problem in problems
    ]


def test_a_live_table_of_rows_without_repeats_is_refused(tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    file = Path(shutil.copytree(sql / "core" / "plays", sql / "core" / "again")) / "contract.odcs.yaml"
    text = (
        file.read_text().replace("dataset: raw.plays", "dataset: core.plays").replace("core.plays\n", "core.again\n", 2)
    )
    text = text.replace("id: core.plays", "id: core.again")
    file.write_text(text.replace("customProperties:\n  -", "customProperties:\n  - {property: live, value: true}\n  -"))
    reason = "a live table follows landed events, and core.plays is derived"
    assert reason in [problem.reason for problem in check_all(sql) if problem.file == file]
