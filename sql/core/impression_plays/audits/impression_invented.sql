-- severity: blocking
-- why: nothing is in the training set that was not shown
SELECT
    c.event_day,
    c.event_id
FROM candidate AS c
LEFT ANTI JOIN impressions AS i
    ON c.event_day = i.event_day AND c.event_id = i.event_id
