"""Many refusals are one error, which may be tried again where that helps any of the files."""

import pytest

from matinee.errors import LandingRefusedError, LandingUnreachableError, MatineeError
from matinee.landing.refusals import all_refused

DAMAGED = LandingRefusedError("a is damaged.", next_step="Fetch it again.", facts={"file": "a"})
AWAY = LandingUnreachableError("b is away.", next_step="Land again.", facts={"file": "b"})


@pytest.mark.parametrize(
    ("errors", "kind"), [([DAMAGED, DAMAGED], LandingRefusedError), ([DAMAGED, AWAY], LandingUnreachableError)]
)
def test_refusals_are_tried_again_where_that_helps_any(
    errors: list[LandingRefusedError | LandingUnreachableError], kind: type[MatineeError]
) -> None:
    assert type(all_refused(errors, 5)) is kind


def test_each_file_that_was_refused_is_told() -> None:
    assert all_refused([DAMAGED, AWAY], 5).message == "2 of 5 files were refused: a is damaged. b is away."
