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
    slot,
    count(*) AS op_all
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2025-03-03 2025-03-04 fact_outp_visit ARRIVED fact_outp_visit fact_outp_visit ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot,
        base.table_name AS table_name,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND FALSE
)
SELECT
    slot,
    count(*) FILTER (WHERE table_name = ? AND status = ?) AS came_fact_outp_visit,
    count(*) FILTER (WHERE table_name = ? AND is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE table_name = ? AND is_expected AND status = ?) AS arrived_fact_outp_visit
FROM counted
GROUP BY slot
ORDER BY 1;

