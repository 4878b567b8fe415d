-- severity: warning
-- why: a day with less than half or more than twice the usual rows is an outage, a replay or a launch
-- min_history_days: 7
-- min_rows: 1000
-- scope: cross_day
WITH days AS (
    SELECT
        $day,
        count(*) AS day_rows
    FROM candidate
    GROUP BY $day
),

earlier_days AS (
    SELECT
        $day,
        count(*) AS day_rows
    FROM history
    GROUP BY $day
),

usual AS (
    SELECT median(day_rows) AS usual_rows
    FROM earlier_days
)

SELECT
    d.$day,
    d.day_rows,
    u.usual_rows
FROM days AS d
CROSS JOIN usual AS u
WHERE d.day_rows < 0.5 * u.usual_rows OR d.day_rows > 2 * u.usual_rows
