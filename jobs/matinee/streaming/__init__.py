"""Streaming: micro-batches from Kafka or a landing folder become rows of `raw.*`, then of the live tables."""
