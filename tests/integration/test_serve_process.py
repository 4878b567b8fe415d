"""`matinee serve` as a process: no JVM's client in it, a swap while it runs, an end by SIGTERM."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, in_process, offer, publish_offers, served_settings

from matinee.retries import wait_until
from matinee.serving.channel import Connection
from matinee.serving.client import KeyValueClient, Row
from matinee.serving.settings import ServingSettings, token_of
from matinee.serving.step import step
from matinee.table.catalog import Lake

__all__ = ["in_process"]
#: Serves as the command does, and says at its end whether the process has imported an engine.
PROGRAM = """
import atexit, sys
atexit.register(lambda: print("engine" if "pyspark" in sys.modules else "no engine", file=sys.stderr))
from matinee.cli.main import main
main(["serve", "--port", "0", "--output", "json"])
"""
KEY = ("de", "t1", date(2026, 1, 1))


def test_a_server_swaps_and_ends_without_an_engine(tmp_path: Path, in_process: None) -> None:
    settings = served_settings(tmp_path)
    lake = Lake.open(settings)
    publish_offers(lake, [offer("de", "t1")])
    step(settings, OFFERS)
    environment = os.environ | {
        "MATINEE_HOME": str(settings.home),
        "MATINEE_SQL_DIR": str(settings.sql_dir),
        "MATINEE_SERVING_POLL_S": "0.1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            line = server.stdout.readline()
            assert line, server.communicate()[1]
            told += line
        address = json.loads(told)["serving"]
        token = token_of(settings, ServingSettings()) or ""
        with KeyValueClient(Connection(address, token)) as client:
            assert client.get(OFFERS, *KEY).version.key == D1
            publish_offers(lake, [offer("de", "t1", D2)], D2)
            step(settings, OFFERS)

            def is_swapped(row: Row) -> bool:
                return row.version.key == D2

            assert is_swapped(wait_until(lambda: client.get(OFFERS, *KEY), 20, 0.1, is_swapped))
    finally:
        server.send_signal(signal.SIGTERM)
        errors = server.communicate(timeout=30)[1]
    assert server.returncode == 0, errors
    assert errors.splitlines()[-1] == "no engine"
    assert not list((settings.home / "serving").iterdir())
