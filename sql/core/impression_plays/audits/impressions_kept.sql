-- severity: blocking
-- why: the training set has every impression once, played or not, and none that was not shown
-- Cells are compared by their number of rows and the sums of both halves of a 64-bit hash of the ids: whatever was
-- lost, doubled or invented changes them, but for a collision of the sums. A bad row is a cell. No id is sorted or
-- joined, so the audit costs two scans of two columns.
WITH ids AS (
    SELECT
        event_day,
        profile_bucket,
        1 AS shown,
        0 AS derived,
        xxhash64(event_id) AS id_hash
    FROM impressions
    UNION ALL
    SELECT
        event_day,
        profile_bucket,
        0 AS shown,
        1 AS derived,
        xxhash64(event_id) AS id_hash
    FROM candidate
)

SELECT
    event_day,
    profile_bucket,
    sum(shown) AS shown_impressions,
    sum(derived) AS derived_impressions
FROM ids
GROUP BY event_day, profile_bucket
HAVING
    sum(shown) <> sum(derived)
    OR sum((shown - derived) * (id_hash & 4294967295)) <> 0
    OR sum((shown - derived) * shiftrightunsigned(id_hash, 32)) <> 0
