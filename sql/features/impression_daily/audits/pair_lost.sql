-- severity: blocking
-- why: each profile's impressions of a title are counted for this profile and this title, and none of them is lost
-- Of each profile and title one hash tells which impressions they are; cells are compared by the number of pairs and by
-- the exclusive or of these hashes. A bad row is a cell.
WITH shown AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS pairs,
        bit_xor(xxhash64(profile_id, title_id, impressions, rows_hash)) AS pairs_hash
    FROM (
        SELECT
            event_day,
            profile_bucket,
            profile_id,
            title_id,
            count(*) AS impressions,
            bit_xor(xxhash64(event_id, event_ts)) AS rows_hash
        FROM outcomes
        GROUP BY event_day, profile_bucket, profile_id, title_id
    ) AS shown_pair
    GROUP BY event_day, profile_bucket
),

counted AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS pairs,
        bit_xor(xxhash64(profile_id, title_id, impressions, rows_hash)) AS pairs_hash
    FROM (
        SELECT
            event_day,
            profile_bucket,
            profile_id,
            title_id,
            sum(impressions) AS impressions,
            bit_xor(rows_hash) AS rows_hash
        FROM candidate
        GROUP BY event_day, profile_bucket, profile_id, title_id
    ) AS counted_pair
    GROUP BY event_day, profile_bucket
)

SELECT
    coalesce(s.event_day, c.event_day) AS event_day,
    coalesce(s.profile_bucket, c.profile_bucket) AS profile_bucket,
    coalesce(s.pairs, 0) AS shown_pairs,
    coalesce(c.pairs, 0) AS counted_pairs
FROM shown AS s
FULL OUTER JOIN counted AS c
    ON s.event_day = c.event_day AND s.profile_bucket = c.profile_bucket
WHERE NOT (s.pairs <=> c.pairs AND s.pairs_hash <=> c.pairs_hash)
