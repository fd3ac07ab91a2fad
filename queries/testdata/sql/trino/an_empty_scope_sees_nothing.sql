-- 1: parameters [2025-03-03 2025-03-04 DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot
    FROM fact_outp_visit AS base
    WHERE base.visit_date >= CAST(? AS DATE) AND base.visit_date < CAST(? AS DATE)
        AND base.status = ?
        AND FALSE
)
SELECT
    0 AS slot,
    count(*) AS op_all
FROM counted
HAVING count(*) > 0;

-- 2: parameters [2025-03-03 2025-03-04 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name = ?
        AND FALSE
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_outp_visit
FROM counted
HAVING count(*) > 0;

