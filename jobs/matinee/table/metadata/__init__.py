"""Metadata files of tables as files: their paths, which of them exist, which may be deleted."""
