"""Metadata files of tables as files: their paths, which of them are there, which may go."""
