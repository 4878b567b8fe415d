"""The service for tests: small limits, versions that are built and activated in this process, and connections."""

from datetime import date

from matinee.serving.activation import activate
from matinee.serving.building import build
from matinee.serving.channel import Connection
from matinee.serving.gate import judge
from matinee.serving.server.service import Service
from matinee.serving.settings import ServingSettings, token_of
from matinee.table.catalog import Lake
from tests.support.served import OFFERS, versions_of

LIMITS = ServingSettings(port=0, poll_s=60, keys=3, page=4, key_bytes=64, grace_s=1)


def activated(lake: Lake, day: date | None = None) -> str:
    """Build, judge and activate a version."""
    version = build(lake, OFFERS, day).version
    assert judge(lake, OFFERS, version).has_passed
    activate(versions_of(lake), version, "me")
    return version


def connection(lake: Lake, service: Service, **other: object) -> Connection:
    token = token_of(lake.settings, LIMITS) or ""
    return Connection(**{"target": service.address, "token": token, **other})  # type: ignore[arg-type]
