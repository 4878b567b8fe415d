-- severity: blocking
-- why: a search has a text
SELECT
    search_day,
    search_id
FROM candidate
WHERE query = ''
