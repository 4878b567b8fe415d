"""The only reads, writes and procedure calls of Spark and Sail on Iceberg tables."""
