"""Helpers of the tests: lakes, frames, servers, and the references that results are compared with."""
