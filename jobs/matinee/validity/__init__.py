"""Which days can be trusted, the VTTS, and what holds the VTTS back; no JVM."""
