"""Rules: what opens an incident, as files in `sql/alerts/`, and the runbooks that they name."""
