-- severity: blocking
-- why: nothing is published that did not land
SELECT
    c.event_day,
    c.event_id
FROM candidate AS c
LEFT ANTI JOIN events AS e
    ON c.event_day = e.event_day AND c.event_id = e.event_id
