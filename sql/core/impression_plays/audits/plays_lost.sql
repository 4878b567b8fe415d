-- severity: blocking
-- why: the plays that impressions won are all counted, and counted once
WITH won AS (
    SELECT count(*) AS won_plays
    FROM attributions
    WHERE event_id IS NOT NULL AND cast(event_ts AS DATE) BETWEEN :first_day AND :last_day
),

counted AS (
    SELECT coalesce(sum(plays), 0) AS counted_plays
    FROM candidate
)

SELECT
    w.won_plays,
    c.counted_plays
FROM won AS w
CROSS JOIN counted AS c
WHERE w.won_plays <> c.counted_plays
