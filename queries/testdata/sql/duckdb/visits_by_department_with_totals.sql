-- 1: parameters [2025-03-01 2025-04-01 DONE DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        base.dept_code AS dept,
        base.status AS status,
        base.is_emergency AS is_emergency
    FROM fact_outp_visit AS base
    WHERE base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE)
)
SELECT
    0 AS slot,
    dept,
    grouping(dept) AS totals,
    count(*) FILTER (WHERE status = $3) AS op_all,
    count(*) FILTER (WHERE status = $4 AND is_emergency) AS op_er
FROM counted
GROUP BY GROUPING SETS (
    (dept),
    ()
)
HAVING count(*) > 0
ORDER BY 1, 2;

-- 2: parameters [2025-03-01 2025-04-01 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name = $3
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = $4) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = $5) AS arrived_fact_outp_visit
FROM counted
HAVING count(*) > 0;

