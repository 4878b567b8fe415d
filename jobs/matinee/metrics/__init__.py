"""What Prometheus is told of the lake: instants and numbers of the ledger and of registers, no row of data."""
