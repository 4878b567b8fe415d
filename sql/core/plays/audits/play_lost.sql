-- severity: blocking
-- why: every play that landed for the day is published once, or is the duplicate of one that is
SELECT
    e.event_day,
    e.play_id
FROM events AS e
LEFT ANTI JOIN candidate AS c
    ON e.event_day = c.event_day AND e.play_id = c.play_id
