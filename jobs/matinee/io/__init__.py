"""The only reads, writes and procedure calls of Spark."""
