"""Iceberg tables by Spark and Sail: reads, writes and procedure calls."""
