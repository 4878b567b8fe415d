-- severity: blocking
-- why: every play has one attribution, organic plays too
SELECT
    p.event_day,
    p.play_id
FROM plays AS p
LEFT ANTI JOIN candidate AS c
    ON p.event_day = c.play_day AND p.play_id = c.play_id
