"""Stores that versions are written to and served from."""
