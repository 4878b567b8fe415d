"""The gate of the stream: live days are compared with their publications."""
