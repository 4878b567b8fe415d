-- severity: blocking
-- why: a play cannot belong to an impression that was shown after it
SELECT
    play_id,
    event_id,
    start_ts,
    event_ts
FROM candidate
WHERE event_ts > start_ts
