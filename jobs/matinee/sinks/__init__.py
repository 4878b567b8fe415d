"""Where messages to people go: Slack, PagerDuty, e-mail and webhooks, one folder for each outside system."""
