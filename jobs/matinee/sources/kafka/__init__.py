"""Kafka topics of the raw datasets."""
