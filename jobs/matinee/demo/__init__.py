"""The demo: days of events through the whole stack, every number checked against where it came from."""
