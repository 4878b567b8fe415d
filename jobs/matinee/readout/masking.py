"""Secrets in texts: what a reader of a log must not see is replaced by `***`."""

import re

HIDDEN = "***"
_NAME = (
    r"[\w.-]{0,64}(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key"
    r"|credential|pwd)[\w.-]{0,64}"
)
_QUOTED = r"\\?\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_SECRETS = (
    # The user's part of an address: scheme://user:password@host; a password may hold any of @ / : #.
    (re.compile(r"(\b\w{1,20}(?:\+\w{1,20})?://[^\s:/@'\"]*):[^\s'\"]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(\b\w{1,20}://)[^\s:/@'\"]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?<![\w./@-])([\w.-]{1,64}):[^\s:/@'\"]{1,200}@(?=[\w.-]+[:/])"), rf"\1:{HIDDEN}@"),
    # name=value, "name": "value", name: value, --name value, '--name', 'value'
    (
        re.compile(
            rf"(?i)((?:\\?[\"'])?{_NAME}(?:\\?[\"'])?\s*(?:=>|[=:]|,(?=\s*\\?[\"']))\s*)"
            rf"({_QUOTED}|[^\s&]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(?i)((?<![\w.-])--{_NAME}[= ])({_QUOTED}|\S+)"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(password|passphrase)(\s+)'[^']*'"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
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
