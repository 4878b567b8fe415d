"""The read-out of a failure: from a log to its class, cause, evidence and next step."""
