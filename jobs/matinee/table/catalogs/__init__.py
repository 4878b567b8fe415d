"""Catalogs in a database, as this lake needs them of PyIceberg."""
