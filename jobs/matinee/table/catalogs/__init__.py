"""PyIceberg's catalogs in a database, adapted to this lake; the names of retired datasets."""
