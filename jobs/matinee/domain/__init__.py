"""The rules that connect plays to impressions: attribution, outcomes, reach; its transforms are registered by name."""
