SELECT
    coalesce(device, 'unknown') AS device,
    count(*) AS plays,
    :last_day AS week_end
FROM week
GROUP BY coalesce(device, 'unknown')
