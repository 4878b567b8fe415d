"""Text and JSON values are recognised as Python's own reader recognises them."""

import json
import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matinee.landing.escapes import marked
from matinee.landing.parsing.text import NO_TEXT

pytestmark = pytest.mark.spark
#: The parts of escapes, and texts that look like escapes.
PIECES = st.sampled_from(
    ["\\\\", '\\"', "\\n", "\\ud83d", "\\uDE00", "\\uDBFF", "\\udc00", "\\u0041", "u", "d83d", "x", "é", "\U0001f3ac"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(bodies=st.lists(TEXTS, min_size=200, max_size=200))
@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_half_a_pair_is_marked_and_everything_else_is_read_as_it_was(spark: SparkSession, bodies: list[str]) -> None:
    frame = spark.createDataFrame([(f'{{"{body}":["{body}"]}}',) for body in bodies], "payload string")
    texts = [json.loads(row["marked"]) for row in frame.select(marked("payload").alias("marked")).collect()]
    wanted = [re.sub("[\ud800-\udfff]", NO_TEXT, json.loads(f'"{body}"')) for body in bodies]
    assert texts == [{text: [text]} for text in wanted]


def test_a_line_without_escapes_is_passed_on_as_it_is(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("\\" * 100_001 + "n",), (NO_TEXT,)], "payload string")
    assert frame.where(marked("payload") != F.col("payload")).count() == 0
    long = spark.createDataFrame([("\\" * 200_001 + "ud800",)], "payload string")
    assert long.where(F.endswith(marked("payload"), F.lit(NO_TEXT))).count() == 1
