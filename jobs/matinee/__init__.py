"""Matinee: a lakehouse for impressions and plays."""

__version__ = "0.1.0"
