"""The pair: the columns by which an impression and a play belong together."""

PAIR = ["profile_id", "title_id"]
