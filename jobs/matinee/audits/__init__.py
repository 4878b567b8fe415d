"""Audits: queries that return the bad rows, compiled and run."""
