-- severity: blocking
-- why: every impression of the day is in one tile, with its plays and its time, and nothing else is
-- Cells are compared by their totals and the exclusive or of the impressions' hashes; a cell that is lost or invented
-- has none on one side. A bad row is a cell.
WITH shown AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS impressions,
        sum(plays) AS plays,
        sum(watch_ms) AS watch_ms,
        max(event_ts) AS last_seen_ts,
        bit_xor(xxhash64(event_id, event_ts)) AS rows_hash
    FROM outcomes
    GROUP BY event_day, profile_bucket
),

counted AS (
    SELECT
        event_day,
        profile_bucket,
        sum(impressions) AS impressions,
        sum(plays) AS plays,
        sum(watch_ms) AS watch_ms,
        max(last_seen_ts) AS last_seen_ts,
        bit_xor(rows_hash) AS rows_hash
    FROM candidate
    GROUP BY event_day, profile_bucket
)

SELECT
    coalesce(s.event_day, c.event_day) AS event_day,
    coalesce(s.profile_bucket, c.profile_bucket) AS profile_bucket,
    coalesce(s.impressions, 0) AS shown_impressions,
    coalesce(c.impressions, 0) AS counted_impressions
FROM shown AS s
FULL OUTER JOIN counted AS c
    ON s.event_day = c.event_day AND s.profile_bucket = c.profile_bucket
WHERE
    NOT (
        s.impressions <=> c.impressions
        AND s.plays <=> c.plays
        AND s.watch_ms <=> c.watch_ms
        AND s.last_seen_ts <=> c.last_seen_ts
        AND s.rows_hash <=> c.rows_hash
    )
