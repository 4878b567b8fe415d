"""Change the code one edit at a time and see whether a unit test notices."""
