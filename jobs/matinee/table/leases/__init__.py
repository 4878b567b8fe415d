"""Leases: one holder at a time of a named piece of work; the holders, and the store of the leases."""
