"""Alerts: signals are recorded, judged by rules, folded into one incident a cause, and told to people."""
