"""The Java of our own engines, and the environment that they are started in."""

from pathlib import Path

import pytest

from matinee.engine.java import SUPPORTED, check_java, java_command, java_environment

FOREIGN = (
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "SPARK_SUBMIT_OPTS",
    "SPARK_TESTING",
    "PYSPARK_PYTHON",
    "PYSPARK_SUBMIT_ARGS",
)
FOREIGN += ("HADOOP_CONF_DIR", "HADOOP_HOME", "YARN_CONF_DIR", "HIVE_CONF_DIR", "CLASSPATH")
FOREIGN += ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_variable_of_another_installation_reaches_no_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_PROFILE", "ours")
    assert name not in java_environment()
    assert java_environment()["AWS_PROFILE"] == "ours"


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_java_is_checked_without_the_options_of_other_programs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "-XX:NoSuchOption")
    assert check_java() in SUPPORTED


def test_an_engine_gets_the_java_that_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    on_the_path = java_command()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_command() == on_the_path
    assert (Path(java_environment()["JAVA_HOME"]) / "bin" / "java").samefile(on_the_path)


def test_an_engine_reads_paths_as_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert java_environment()["LC_ALL"] == "C.UTF-8"
