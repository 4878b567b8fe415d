-- severity: blocking
-- why: an average is at least what the last impression weighs, and at most what as many at that instant would weigh
-- Sums of doubles are rounded, so both bounds leave room for 1e-9 of the sum.
WITH aged AS (
    SELECT
        *,
        ((unix_date(as_of_day) + 1) * 86400000000 - unix_micros(last_seen_ts)) / 86400000000.0D AS days
    FROM candidate
)

SELECT
    as_of_day,
    profile_id,
    title_id,
    location,
    impressions,
    last_seen_ts,
    ema_1d,
    ema_365d
FROM aged
WHERE
    NOT (days > 0 AND days <= 365)
    OR NOT (
        ema_1d / power(2.0D, -days) BETWEEN 1 - 1e-9D AND impressions * (1 + 1e-9D)
        AND ema_7d / power(2.0D, -days / 7) BETWEEN 1 - 1e-9D AND impressions * (1 + 1e-9D)
        AND ema_30d / power(2.0D, -days / 30) BETWEEN 1 - 1e-9D AND impressions * (1 + 1e-9D)
        AND ema_182d / power(2.0D, -days / 182) BETWEEN 1 - 1e-9D AND impressions * (1 + 1e-9D)
        AND ema_365d / power(2.0D, -days / 365) BETWEEN 1 - 1e-9D AND impressions * (1 + 1e-9D)
    )
    OR isnan(ema_1d + ema_7d + ema_30d + ema_182d + ema_365d)
