"""Clients of the pages of the plugin, each with the token of a user."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

#: What our own page sends with a write.
OURS = {"origin": "http://testserver", "x-matinee": "page"}


def client(app: "FastAPI", token: str | None = None) -> "TestClient":
    """Return a client that follows no redirection."""
    from fastapi.testclient import TestClient

    return TestClient(app, headers={"authorization": f"Bearer {token}"} if token else {}, follow_redirects=False)
