-- severity: blocking
-- why: a winner is an impression of the same profile and title that is published
SELECT
    c.play_id,
    c.event_id
FROM candidate AS c
LEFT ANTI JOIN impressions AS i
    ON
        c.event_id = i.event_id
        AND c.event_ts = i.event_ts
        AND c.profile_id = i.profile_id
        AND c.title_id = i.title_id
WHERE c.event_id IS NOT NULL
