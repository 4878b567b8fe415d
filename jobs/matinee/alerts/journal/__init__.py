"""The journal: what was seen, opened, told and decided; in SQLite or PostgreSQL, outside the lake."""
