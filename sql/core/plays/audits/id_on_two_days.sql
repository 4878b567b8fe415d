-- severity: warning
-- why: a producer that reuses an id on another day makes two plays of one; both are kept and it must be told
-- scope: cross_day
WITH seen AS (
    SELECT
        play_id,
        event_day
    FROM candidate
    UNION
    SELECT
        play_id,
        event_day
    FROM history
)

SELECT
    c.play_id,
    c.event_day,
    s.event_day AS other_day
FROM candidate AS c
INNER JOIN seen AS s
    ON c.play_id = s.play_id AND c.event_day > s.event_day
