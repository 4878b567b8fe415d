"""Secrets in texts: what a reader of a log must not see is replaced by `***`."""

import re

HIDDEN = "***"
_NAME = r"[\w.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|pwd)[\w.-]*"
_SECRETS = (
    # The user's part of an address: scheme://user:password@host; a password may hold any of @ / : #.
    (re.compile(r"(\w[\w+.-]*://[^\s:/@'\"]*):[^\s'\"]+@"), rf"\1:{HIDDEN}@"),
    # name=value, "name": "value", name: value, --name value
    (
        re.compile(rf"(?i)(--{_NAME}[= ]|[\"']?\b{_NAME}[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}}\]]+)"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?)?(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1\2 {HIDDEN}"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b"), HIDDEN),
    (re.compile(r"\bxox[abeprs]-[\w-]+|\bgh[pousr]_\w{20,}|\bsk-[\w-]{16,}|\bglpat-[\w-]{16,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(hooks\.slack\.com/services/)\S+"), rf"\1{HIDDEN}"),
)
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def masked(text: str) -> str:
    """Return a text without the secrets that it holds: passwords, tokens, keys, signatures."""
    text = _KEY.sub(HIDDEN, text)
    for secret, replacement in _SECRETS:
        text = secret.sub(replacement, text)
    return text
