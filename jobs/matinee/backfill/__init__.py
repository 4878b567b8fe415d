"""Backfills: planned and followed here, run by Airflow."""
