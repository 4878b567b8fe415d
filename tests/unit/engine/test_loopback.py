"""Engines on this machine: neither proxies nor the options of another engine keep them from an answer."""

import pytest
from pyspark.sql.connect.client import DefaultChannelBuilder

from matinee.engine.session import channel_to, sail_session
from matinee.settings import load_settings

PROXIES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


def past_proxies(builder: DefaultChannelBuilder) -> bool:
    return ("grpc.enable_http_proxy", 0) in builder._channel_options


def test_an_engine_on_this_machine_answers_whatever_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    with sail_session(load_settings()) as session:
        assert session.range(3).count() == 3


def test_an_option_of_another_sail_reaches_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAIL_MODE", "kubernetes-cluster")
    monkeypatch.setenv("SAIL_NO_SUCH_OPTION", "x")
    with sail_session(load_settings()) as session:
        assert session.range(3).count() == 3


@pytest.mark.parametrize(
    ("remote", "here"),
    [
        ("sc://localhost:15002", True),
        ("sc://[::1]:15002", True),
        ("sc://127.0.0.1:15002/;user_id=a", True),
        ("sc://spark.example.org:15002", False),
    ],
)
def test_an_engine_elsewhere_is_reached_through_the_proxy(remote: str, here: bool) -> None:
    assert past_proxies(channel_to(remote)) is here
