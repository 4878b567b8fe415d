"""The stream: ticks that land micro-batches and fill the live tables."""
