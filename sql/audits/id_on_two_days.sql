-- severity: warning
-- why: a producer that reuses an id on another day makes two events of one; both are kept and it must be told
-- scope: cross_day
WITH seen AS (
    SELECT
        $key,
        $day
    FROM candidate
    UNION
    SELECT
        $key,
        $day
    FROM history
)

SELECT
    $key,
    c.$day,
    s.$day AS other_day
FROM candidate AS c
INNER JOIN seen AS s USING ($key)
WHERE c.$day > s.$day
