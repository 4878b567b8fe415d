"""The lake without a JVM: catalog, references, publications, ledger, validity."""
