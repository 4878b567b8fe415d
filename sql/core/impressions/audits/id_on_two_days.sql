-- severity: warning
-- why: a producer that reuses an id on another day makes two impressions of one; both are kept and it must be told
-- scope: cross_day
WITH seen AS (
    SELECT
        event_id,
        event_day
    FROM candidate
    UNION
    SELECT
        event_id,
        event_day
    FROM history
)

SELECT
    c.event_id,
    c.event_day,
    s.event_day AS other_day
FROM candidate AS c
INNER JOIN seen AS s
    ON c.event_id = s.event_id AND c.event_day > s.event_day
