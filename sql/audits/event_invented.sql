-- severity: blocking
-- why: nothing is published that did not land
SELECT
    $day,
    $key
FROM candidate
LEFT ANTI JOIN $input USING ($day, $key)
