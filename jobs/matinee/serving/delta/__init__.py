"""The delta: events that the service has read from the topic, since the day of the oldest version that is kept."""
