"""Contracts: the ODCS YAML that declares a dataset, and everything derived from it."""
