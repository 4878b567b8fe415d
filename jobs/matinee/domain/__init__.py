"""What impressions and plays are to each other: attribution, outcomes, reach; its transforms are registered by name."""
