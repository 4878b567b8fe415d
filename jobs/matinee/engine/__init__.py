"""Spark sessions and servers: the only place that builds a SparkSession."""
