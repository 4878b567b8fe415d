"""Any Iceberg table through PyIceberg: catalog, references, commits, files, leases, registers; no JVM."""
