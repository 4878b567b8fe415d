"""Features: what is derived from events for recommenders, and how the engine hands it to a store."""
