"""Which days can be trusted, the VTTS, and what holds it; no JVM."""
