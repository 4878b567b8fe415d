"""Landed manifests: a line `{"dataset", "day", "expected_rows", "closed"}` for each day of a raw dataset.

A line may have `expected_distinct`, too: how many distinct rows there are.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from matinee.days import parse_day
from matinee.errors import LandingRefusedError, UsageError
from matinee.sources.files.read import LongLine
from matinee.validity.manifests import Manifest


def _day(value: object) -> date:
    try:
        return parse_day(value if isinstance(value, str) else "")
    except UsageError as error:
        raise ValueError("give a UTC day as YYYY-MM-DD") from error


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    dataset: str
    day: Annotated[date, BeforeValidator(_day)]
    expected_rows: int = Field(ge=0, lt=2**63)
    expected_distinct: int | None = Field(None, ge=0)
    closed: bool

    @model_validator(mode="after")
    def _counted(self) -> "_Line":
        if (self.expected_distinct or 0) > self.expected_rows:
            raise ValueError("expected_distinct is greater than expected_rows")
        return self


def read_manifests(
    lines: Iterable[bytes], *, file: str, datasets: Collection[str], received_ts: datetime
) -> list[Manifest]:
    """Return what a manifest declares; blank lines are skipped.

    Args:
        lines: of the file, without their ends.
        file: where they stand.
        datasets: those whose days can be declared.
        received_ts: when the manifest was landed.

    Raises:
        LandingRefusedError: a line is not a declaration; names file and line.
    """
    declarations = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if isinstance(line, LongLine):
            raise _refused(file, number, f"it has {line.partition(b',')[0].decode()}, more than a line may have")
        try:
            declared = _Line.model_validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            raise _refused(file, number, f"{field}: {problem['msg']}" if field else problem["msg"]) from error
        if declared.dataset not in datasets:
            raise _refused(file, number, f"dataset: '{declared.dataset}' is none of {', '.join(datasets)}")
        declarations.append(Manifest(**vars(declared), file=file, received_ts=received_ts))
    return declarations


def _refused(file: str, line: int, why: str) -> LandingRefusedError:
    return LandingRefusedError(
        f"{file}:{line} is no declaration of a day: {why}.",
        next_step='Write {"dataset", "day", "expected_rows", "closed"}; nothing of the manifest was taken.',
        facts={"file": file, "line": line},
    )
