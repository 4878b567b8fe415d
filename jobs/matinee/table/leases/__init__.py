"""Leases: one holder at a time of a named piece of work; who holds, and where that stands."""
