"""A small valid contract as text: the tests make bad contracts from it by replacing a piece."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
apiVersion: v3.2.0
kind: DataContract
id: core.ratings
name: Ratings
version: 1.0.0
status: active
description:
  purpose: Ratings that profiles gave to titles.
team:
  name: discovery-data
schema:
  - name: ratings
    physicalName: core.ratings
    properties:
      - name: rating_id
        logicalType: string
        physicalType: string
        required: true
        primaryKey: true
        description: Identifier of the rating.
      - name: stars
        logicalType: integer
        physicalType: int
        required: true
        description: Stars, from 1 to 5.
        logicalTypeOptions:
          minimum: 1
          maximum: 5
      - name: rated_day
        logicalType: date
        physicalType: date
        required: true
        partitioned: true
        partitionKeyPosition: 1
        description: UTC day of the rating.
slaProperties:
  - property: freshness
    value: 36
    unit: h
customProperties:
  - property: dayColumn
    value: rated_day
  - property: sortOrder
    value: [rating_id]
  - property: inputs
    value:
      - dataset: raw.ratings
        alias: events
        lookback: ratings.window
  - property: transform
    value: deduplicate_ratings
  - property: parameters
    value:
      ratings.window: "24h"
"""

WriteContract = Callable[..., Path]


@pytest.fixture
def write_contract(tmp_path: Path) -> WriteContract:
    """Write the good contract, with pieces replaced, where a dataset of its name stands; return the file."""

    def write(*replacements: tuple[str, str], dataset: str = "core.ratings") -> Path:
        text = GOOD
        for old, new in replacements:
            assert old in text, f"the contract has no {old!r} to replace"
            text = text.replace(old, new, 1)
        file = tmp_path / "sql" / Path(*dataset.split(".")) / "contract.odcs.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        return file

    return write
