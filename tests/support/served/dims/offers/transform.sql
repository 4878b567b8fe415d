SELECT
    country,
    title_id,
    CAST(NULL AS DATE) AS starts,
    CAST(NULL AS STRUCT<currency: STRING, cents: BIGINT>) AS terms,
    CAST(NULL AS ARRAY<STRING>) AS words,
    CAST(NULL AS TIMESTAMP) AS changed_ts,
    event_day
FROM plays
