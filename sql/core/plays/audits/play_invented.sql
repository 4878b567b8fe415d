-- severity: blocking
-- why: nothing is published that did not land
SELECT
    c.event_day,
    c.play_id
FROM candidate AS c
LEFT ANTI JOIN events AS e
    ON c.event_day = e.event_day AND c.play_id = e.play_id
