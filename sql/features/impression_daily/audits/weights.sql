-- severity: blocking
-- why: an impression weighs at most 1 at the end of its day, and at least 2^(-1 day / half-life)
-- Sums of doubles are rounded, so the lower bounds leave room for 1e-9 of the sum.
SELECT
    event_day,
    profile_id,
    title_id,
    location,
    impressions,
    w_1d,
    w_365d
FROM candidate
WHERE
    NOT (
        w_1d BETWEEN impressions * power(2.0D, -1.0D) * (1 - 1e-9D) AND impressions
        AND w_7d BETWEEN impressions * power(2.0D, -1.0D / 7) * (1 - 1e-9D) AND impressions
        AND w_30d BETWEEN impressions * power(2.0D, -1.0D / 30) * (1 - 1e-9D) AND impressions
        AND w_182d BETWEEN impressions * power(2.0D, -1.0D / 182) * (1 - 1e-9D) AND impressions
        AND w_365d BETWEEN impressions * power(2.0D, -1.0D / 365) * (1 - 1e-9D) AND impressions
    )
    OR isnan(w_1d + w_7d + w_30d + w_182d + w_365d)
