-- severity: blocking
-- why: the training set has every impression once, played or not, and none that was not shown
-- Cells are compared by their number of rows and the exclusive or of a 64-bit hash of the ids. What was lost, doubled
-- or invented changes one of them: ids that repeat cancel each other, and then their number tells. A bad row is a cell.
-- No id is sorted or joined, so the audit costs two scans of one column.
WITH shown AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS impressions,
        bit_xor(xxhash64(event_id)) AS ids
    FROM impressions
    GROUP BY event_day, profile_bucket
),

derived AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS impressions,
        bit_xor(xxhash64(event_id)) AS ids
    FROM candidate
    GROUP BY event_day, profile_bucket
)

SELECT
    coalesce(s.event_day, d.event_day) AS event_day,
    coalesce(s.profile_bucket, d.profile_bucket) AS profile_bucket,
    coalesce(s.impressions, 0) AS shown_impressions,
    coalesce(d.impressions, 0) AS derived_impressions
FROM shown AS s
FULL OUTER JOIN derived AS d
    ON s.event_day = d.event_day AND s.profile_bucket = d.profile_bucket
WHERE NOT (s.impressions <=> d.impressions AND s.ids <=> d.ids)
