-- severity: warning
-- why: a take rate of mature impressions outside the contract's band is a broken logger or a broken page
-- min_history_days: 7
-- min_rows: 1000
WITH mature AS (
    SELECT
        event_day,
        count(*) AS impressions,
        count_if(plays > 0) AS taken
    FROM candidate
    WHERE is_mature
    GROUP BY event_day
)

SELECT
    event_day,
    impressions,
    taken,
    taken / impressions AS take_rate
FROM mature
WHERE taken < :take_rate_min * impressions OR taken > :take_rate_max * impressions
