"""What was published: publications, recovery, branches at work, proofs of compactions; no JVM."""
