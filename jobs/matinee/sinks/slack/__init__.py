"""Slack: one message for each incident, updated as the incident goes on, and a thread below it."""
