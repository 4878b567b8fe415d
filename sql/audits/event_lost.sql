-- severity: blocking
-- why: every event that landed for the day is published once, or is the duplicate of one that is
SELECT
    $day,
    $key
FROM $input
LEFT ANTI JOIN candidate USING ($day, $key)
