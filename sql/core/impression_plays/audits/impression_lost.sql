-- severity: blocking
-- why: the training set has every impression, played or not
SELECT
    i.event_day,
    i.event_id
FROM impressions AS i
LEFT ANTI JOIN candidate AS c
    ON i.event_day = c.event_day AND i.event_id = c.event_id
