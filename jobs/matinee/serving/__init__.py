"""Serving: published datasets as versions of a key-value store, built in bulk, gated, activated, answered by gRPC."""
