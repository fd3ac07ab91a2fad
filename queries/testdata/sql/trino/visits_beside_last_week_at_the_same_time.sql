-- 1: parameters [2025-05-25 2025-05-26 2025-06-01 2025-06-02 2025-06-01 2025-06-02 2025-06-01 10:30:00 DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        base.visit_date AS period
    FROM fact_outp_visit AS base
    WHERE (base.visit_date >= CAST(? AS DATE) AND base.visit_date < CAST(? AS DATE) OR base.visit_date >= CAST(? AS DATE) AND base.visit_date < CAST(? AS DATE))
        AND (base.visit_date < CAST(? AS DATE) OR base.visit_date < CAST(? AS DATE) AND coalesce(base.reg_time, CAST(base.visit_date AS TIMESTAMP)) < CAST(? AS TIMESTAMP))
        AND base.status = ?
)
SELECT
    period,
    count(*) AS op_all
FROM counted
GROUP BY period
ORDER BY 1;

-- 2: parameters [2025-05-25 2025-05-26 2025-05-25 2025-05-26 2025-05-25 10:30:00 DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot
    FROM fact_outp_visit AS base
    WHERE base.visit_date >= CAST(? AS DATE) AND base.visit_date < CAST(? AS DATE)
        AND (base.visit_date < CAST(? AS DATE) OR base.visit_date < CAST(? AS DATE) AND coalesce(base.reg_time, CAST(base.visit_date AS TIMESTAMP)) < CAST(? AS TIMESTAMP))
        AND base.status = ?
)
SELECT
    0 AS slot,
    count(*) AS op_all
FROM counted
HAVING count(*) > 0;

-- 3: parameters [2025-05-25 2025-05-26 2025-06-01 2025-06-02 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        CASE WHEN base.stat_date >= DATE '2025-05-25' AND base.stat_date < DATE '2025-05-26' THEN 0 WHEN base.stat_date >= DATE '2025-06-01' AND base.stat_date < DATE '2025-06-02' THEN 1 END AS slot,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE (base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE) OR base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE))
        AND base.table_name = ?
)
SELECT
    slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_outp_visit
FROM counted
GROUP BY slot;

