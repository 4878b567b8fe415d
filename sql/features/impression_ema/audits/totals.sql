-- severity: blocking
-- why: a base holds exactly what its tiles hold: every impression of the year once, with its plays and its time
-- Buckets are compared by totals that do not depend on an order: the exclusive or of the impressions' hashes, and a sum
-- in which each key's hash counts as often as the key was shown. A bad row is a bucket.
WITH held AS (
    SELECT
        profile_bucket,
        sum(impressions) AS impressions,
        sum(plays) AS plays,
        sum(watch_ms) AS watch_ms,
        max(last_seen_ts) AS last_seen_ts,
        bit_xor(rows_hash) AS rows_hash,
        sum(cast(xxhash64(profile_id, title_id, location) % 1000000007 * impressions AS DECIMAL(38, 0))) AS keys_hash
    FROM tiles
    GROUP BY profile_bucket
),

summed AS (
    SELECT
        profile_bucket,
        sum(impressions) AS impressions,
        sum(plays) AS plays,
        sum(watch_ms) AS watch_ms,
        max(last_seen_ts) AS last_seen_ts,
        bit_xor(rows_hash) AS rows_hash,
        sum(cast(xxhash64(profile_id, title_id, location) % 1000000007 * impressions AS DECIMAL(38, 0))) AS keys_hash
    FROM candidate
    GROUP BY profile_bucket
)

SELECT
    coalesce(h.profile_bucket, s.profile_bucket) AS profile_bucket,
    coalesce(h.impressions, 0) AS tile_impressions,
    coalesce(s.impressions, 0) AS base_impressions
FROM held AS h
FULL OUTER JOIN summed AS s ON h.profile_bucket = s.profile_bucket
WHERE
    NOT (
        h.impressions <=> s.impressions
        AND h.plays <=> s.plays
        AND h.watch_ms <=> s.watch_ms
        AND h.last_seen_ts <=> s.last_seen_ts
        AND h.rows_hash <=> s.rows_hash
        AND h.keys_hash <=> s.keys_hash
    )
