"""Slack's client with our limits: it sends each call once, logs nothing, and reaches this machine past proxies."""

import logging
from typing import Any
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from slack_sdk.web import WebClient

from matinee.sinks.endpoints import Endpoint


class _DirectClient(WebClient):
    """Takes no proxy: the library reads one from the environment for all addresses alike."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=self.ssl))
        with opener.open(req, timeout=self.timeout) as answer:
            return {"status": answer.status, "headers": answer.headers, "body": answer.read().decode()}


def client_of(endpoint: Endpoint, token: str) -> WebClient:
    """Return the client of an address and a token."""
    kind = _DirectClient if endpoint.is_loopback else WebClient
    # Errors are raised; a logger outside the tree keeps the library from telling them, too.
    log = logging.Logger("slack", logging.CRITICAL)
    client = kind(token, f"{endpoint.url}/", ssl=endpoint.tls, logger=log, retry_handlers=[])
    client.timeout = endpoint.timeout_s  # type: ignore[assignment] # Fractions are taken, too.
    return client
