"""The write-audit-publish protocol: plan, write, audit, publish one change of a dataset."""
