-- severity: blocking
-- why: the training set has every impression once, played or not, and none that was not shown
-- Cells are compared by their number of rows and the sums of both halves of a 64-bit hash of the ids: whatever was
-- lost, doubled or invented changes them, but for a collision of the sums. A bad row is a cell. No id is sorted or
-- joined, so the audit costs two scans of two columns.
WITH shown AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS impressions,
        sum(xxhash64(event_id) & 4294967295) AS low,
        sum(shiftrightunsigned(xxhash64(event_id), 32)) AS high
    FROM impressions
    GROUP BY event_day, profile_bucket
),

derived AS (
    SELECT
        event_day,
        profile_bucket,
        count(*) AS impressions,
        sum(xxhash64(event_id) & 4294967295) AS low,
        sum(shiftrightunsigned(xxhash64(event_id), 32)) AS high
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
WHERE
    s.event_day IS NULL
    OR d.event_day IS NULL
    OR s.impressions <> d.impressions
    OR s.low <> d.low
    OR s.high <> d.high
