-- 1: parameters [2025-05-25 2025-05-26 2025-06-01 2025-06-02 2025-06-01 2025-06-02 2025-06-01 10:30:00 DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        base.visit_date AS period
    FROM fact_outp_visit AS base
    WHERE (base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE) OR base.visit_date >= CAST($3 AS DATE) AND base.visit_date < CAST($4 AS DATE))
        AND (base.visit_date < CAST($5 AS DATE) OR base.visit_date < CAST($6 AS DATE) AND coalesce(base.reg_time, CAST(base.visit_date AS TIMESTAMP)) < CAST($7 AS TIMESTAMP))
        AND base.status = $8
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
    WHERE base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE)
        AND (base.visit_date < CAST($3 AS DATE) OR base.visit_date < CAST($4 AS DATE) AND coalesce(base.reg_time, CAST(base.visit_date AS TIMESTAMP)) < CAST($5 AS TIMESTAMP))
        AND base.status = $6
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
    WHERE (base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE) OR base.stat_date >= CAST($3 AS DATE) AND base.stat_date < CAST($4 AS DATE))
        AND base.table_name = $5
)
SELECT
    slot,
    count(*) FILTER (WHERE status = $6) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = $7) AS arrived_fact_outp_visit
FROM counted
GROUP BY slot;

