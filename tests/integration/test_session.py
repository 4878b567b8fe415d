"""Sessions of the engine, on the tests' Connect server."""

import gc

import pytest

from matinee.engine.session import spark_session
from matinee.settings import Settings

pytestmark = pytest.mark.spark


def test_a_session_that_is_collected_does_not_close_what_other_sessions_use(settings: Settings) -> None:
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    with spark_session(settings) as first:
        first.sql("SELECT 1").collect()
    with spark_session(settings) as second:
        second.sql("SELECT 1").collect()
        pool = ExecutePlanResponseReattachableIterator._release_thread_pool_instance
        assert pool is not None
        del first
        gc.collect()
        assert ExecutePlanResponseReattachableIterator._release_thread_pool_instance is pool
