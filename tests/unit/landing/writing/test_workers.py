"""The workers of a batch: what each has written is put together, and no secret is handed to an engine."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.lakes import PLANNED, make_lake

from matinee.errors import LandingRefusedError
from matinee.landing.model import Landing
from matinee.landing.writing.data_files import Target
from matinee.landing.writing.parts import Part, Written
from matinee.landing.writing.workers import _together, _without_secrets, write_parts

FILE = Landing("raw.plays", "a", "ab" * 32, 1, 1, 0, {}, PLANNED)
REFUSED = LandingRefusedError("It cannot be read.", next_step="Send it again.", facts={})


@pytest.fixture
def part(tmp_path: Path) -> Part:
    import pyarrow as pa

    lake, nowhere = make_lake(tmp_path), Target(pa.schema([]), str(tmp_path), ())
    return Part(lake.settings, lake.registry.get("raw.plays"), (), PLANNED, nowhere, nowhere)


def test_what_all_parts_have_written_is_put_together_in_their_order() -> None:
    first = Written([FILE], ["good1"], ["bad1"], [REFUSED])
    second = Written([replace(FILE, file="b")], ["good2"], [], [])
    assert _together([first, second]) == Written(
        [FILE, replace(FILE, file="b")], ["good1", "good2"], ["bad1"], [REFUSED]
    )
    assert _together([]) == Written()


def test_a_single_part_is_written_by_this_process(part: Part) -> None:
    assert write_parts(part.settings, [part]) == Written()


def test_a_part_for_the_engine_has_no_password(part: Part) -> None:
    named = part.settings.model_copy(update={"catalog_uri": SecretStr("postgresql://ana:secret@host/lake")})
    hidden = _without_secrets(replace(part, settings=named)).settings.catalog_uri
    assert hidden is not None
    assert "secret" not in hidden.get_secret_value()
    assert _without_secrets(part).settings.catalog_uri is None
