"""Who may call: whoever shows the bearer token and, where settings ask for them, a certificate; health is for all."""

import hmac
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health

from matinee.errors import EnvironmentNotReadyError
from matinee.serving.settings import ServingSettings

_HEALTH = f"/{health.SERVICE_NAME}/"
_HEADER, _BEARER = "authorization", "Bearer "


class Bearer(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls that do not show the token."""

    def __init__(self, token: str) -> None:
        self._wanted = f"{_BEARER}{token}".encode()

    def intercept_service(self, continuation: Callable[[Any], Any], call: Any) -> Any:  # noqa: ANN401 - of grpc
        """Return the handler of a call, or a handler that refuses the call."""
        shown = next((value for name, value in call.invocation_metadata if name == _HEADER), "")
        handler = continuation(call)
        if handler is None or call.method.startswith(_HEALTH) or hmac.compare_digest(shown.encode(), self._wanted):
            return handler
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(_refuse, handler.request_deserializer)
        return grpc.unary_unary_rpc_method_handler(_refuse, handler.request_deserializer)


def _refuse(_: object, context: Any) -> None:  # noqa: ANN401 - of grpc
    context.abort(
        grpc.StatusCode.UNAUTHENTICATED,
        "The call shows no bearer token, or another. Next: send `authorization: Bearer …` with the token of the "
        "service; its file is <home>/run/serving.token, or what MATINEE_SERVING_TOKEN_FILE names.",
    )


def credentials(settings: ServingSettings) -> Any | None:  # noqa: ANN401 - of grpc
    """Return the credentials of the server; None where settings name no certificate.

    Raises:
        EnvironmentNotReadyError: a file cannot be read.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    try:
        pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
        clients = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    except OSError as error:
        raise EnvironmentNotReadyError(
            f"{error.filename} cannot be read: {error.strerror}.",
            next_step="Correct MATINEE_SERVING_TLS_CERTIFICATE, _TLS_KEY or _TLS_CLIENT_CA.",
        ) from error
    return grpc.ssl_server_credentials([pair], clients, require_client_auth=clients is not None)
