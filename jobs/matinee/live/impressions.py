"""The datasets of the stream by their names: what it lands, and what it keeps live."""

#: By kind of event: where it is landed, and what it is without repeats.
RAW = {"impressions": "raw.impressions", "plays": "raw.plays"}
CORE = {"impressions": "core.impressions", "plays": "core.plays"}
ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"
#: Those with a live table, in the order in which they are derived.
LIVE = (ATTRIBUTIONS, OUTCOMES)
#: Which live table has every event of a kind.
HOLDS = {"impressions": OUTCOMES, "plays": ATTRIBUTIONS}
#: The input that comes from the other live table.
OTHER_INPUT = {ATTRIBUTIONS: CORE["impressions"], OUTCOMES: ATTRIBUTIONS}
