-- severity: blocking
-- why: every impression that landed for the day is published once, or is the duplicate of one that is
SELECT
    e.event_day,
    e.event_id
FROM events AS e
LEFT ANTI JOIN candidate AS c
    ON e.event_day = c.event_day AND e.event_id = c.event_id
