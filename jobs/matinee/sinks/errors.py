"""Errors of channels."""

from matinee.errors import TerminalError, TransientError


class ChannelUnavailableError(TransientError):
    """A channel takes no message now; the fact `retry_after_s` holds the seconds that it asks for, or None."""


class ChannelRefusedError(TerminalError):
    """A channel refuses a message: its token, its address or its rights are wrong."""
