-- severity: blocking
-- why: an impression that stands twice counts twice in every take rate and every training batch
SELECT
    event_day,
    event_id,
    count(*) AS times
FROM candidate
GROUP BY event_day, event_id
HAVING count(*) > 1
