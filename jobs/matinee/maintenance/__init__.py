"""Upkeep of the lake: retention, compaction, leftovers of runs that died."""
