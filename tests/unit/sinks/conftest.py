"""Fixtures of channels."""

import pytest
from tests.support.certificates import Certificate, certificate


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for 127.0.0.1."""
    return certificate(tmp_path_factory.mktemp("certificate"))
