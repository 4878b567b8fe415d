"""What a step ran in: versions and settings, without secrets."""

from pathlib import Path

from matinee.readout.environment import differing, environment_of
from matinee.settings import load_settings


def test_versions_and_settings_are_told(tmp_path: Path) -> None:
    told = environment_of(load_settings(home=tmp_path, engine="sail"))
    assert told["setting engine"] == "sail"
    assert {"python", "pyiceberg", "pyarrow"} <= told.keys()


def test_a_secret_of_a_setting_is_masked(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, spark_java_options="-Dspark.password=hunter2")
    assert "hunter2" not in repr(environment_of(settings))


def test_values_that_differ_are_told_in_order() -> None:
    assert differing({"b": "1", "a": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"}) == [
        ("a", "1", "none"),
        ("b", "1", "2"),
        ("d", "none", "1"),
    ]
