"""One POST to an outside system, and what its answer or its silence is among a channel's errors."""

import logging
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx

from matinee.sinks.endpoints import Endpoint
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError

# The library logs each address; the path of a webhook may be a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)
#: Too slow, a try of the same key that is under way, too early, too many.
_LATER = frozenset({408, 409, 425, 429})
LATER = "The watcher tries again by itself; where it goes on, look at the status page of {host} and at the network."


def posted(endpoint: Endpoint, content: bytes, headers: Mapping[str, str], refused: str) -> httpx.Response:
    """Send bytes and return the answer that accepts them.

    Args:
        endpoint: where to.
        content: what is sent.
        headers: of the request.
        refused: the next step of a reader whose request was refused.

    Raises:
        ChannelUnavailableError: no answer, or one that says to try later.
        ChannelRefusedError: the answer refuses the request, or the certificate is not trusted.
    """
    try:
        answer = httpx.post(
            endpoint.url,
            content=content,
            headers={"User-Agent": "matinee", **headers},
            timeout=endpoint.timeout_s,
            verify=endpoint.tls,
            trust_env=not endpoint.is_loopback,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise silent(endpoint.host, error) from error
    if answer.is_success:
        return answer
    if answer.status_code in _LATER or answer.is_server_error:
        raise unavailable(endpoint.host, f"answers {answer.status_code}", retry_after_s(answer.headers))
    raise ChannelRefusedError(
        f"{endpoint.host} refuses the message: {answer.status_code}.",
        next_step=refused,
        facts={"host": endpoint.host, "status": answer.status_code, "answer": answer.text[:500]},
    )


def silent(host: str, error: BaseException) -> ChannelUnavailableError | ChannelRefusedError:
    """Return the error of a call that got no answer."""
    if cause := _of_certificate(error):
        return ChannelRefusedError(
            f"The certificate of {host} is not trusted: {cause.verify_message}.",
            next_step="Correct the host, or name the authority's PEM file as 'ca_file' in the connection's extra.",
            facts={"host": host},
        )
    return unavailable(host, f"does not answer: {str(error) or type(error).__name__}", None)


def unavailable(host: str, what: str, retry_after: float | None) -> ChannelUnavailableError:
    """Return the error of a channel that takes no message now."""
    facts = {"host": host, "retry_after_s": retry_after}
    return ChannelUnavailableError(f"{host} {what}.", next_step=LATER.format(host=host), facts=facts)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for; its date counts from the answer's own date."""
    given = {name.lower(): value for name, value in headers.items()}
    value = given.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - parsedate_to_datetime(given["date"])).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None


def _of_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "reason", None)  # Of urllib.
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return error
