"""The `matinee` command."""
