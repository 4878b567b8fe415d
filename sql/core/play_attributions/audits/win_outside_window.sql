-- severity: blocking
-- why: an impression wins a play only from min_delay to window after it was shown
SELECT
    play_id,
    event_id,
    start_ts,
    event_ts
FROM candidate
WHERE
    event_id IS NOT NULL
    AND unix_micros(start_ts) - unix_micros(event_ts) NOT BETWEEN :attribution_min_delay_us AND :attribution_window_us
