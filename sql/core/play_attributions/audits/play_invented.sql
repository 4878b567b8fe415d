-- severity: blocking
-- why: nothing is attributed that was not played
SELECT
    c.play_day,
    c.play_id
FROM candidate AS c
LEFT ANTI JOIN plays AS p
    ON c.play_day = p.event_day AND c.play_id = p.play_id
