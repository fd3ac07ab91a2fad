-- 1: parameters [2025-03-03 2025-03-05 DONE DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        base.visit_date AS period,
        base.visit_date AS clock_day,
        hour(base.reg_time) AS peak_hour,
        base.org_code AS org_code,
        base.status AS status
    FROM fact_outp_visit AS base
    WHERE base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE)
        AND base.reg_time IS NOT NULL
),
-- figures of single hours
hourly AS (
    SELECT
        period,
        org_code,
        clock_day,
        peak_hour,
        count(*) FILTER (WHERE status = $3) AS figure,
        count(*) FILTER (WHERE status = $4) AS cases
    FROM counted
    GROUP BY period, clock_day, peak_hour, org_code
),
-- the largest first, the earliest of equals
ranked AS (
    SELECT
        period,
        org_code,
        clock_day,
        peak_hour,
        figure,
        cases,
        row_number() OVER (PARTITION BY period, org_code ORDER BY figure DESC, clock_day, peak_hour) AS place
    FROM hourly
    WHERE figure > 0
)
SELECT
    period,
    org_code,
    clock_day,
    peak_hour,
    figure,
    cases
FROM ranked
WHERE place = 1
ORDER BY 1, 2;

-- 2: parameters [2025-03-03 2025-03-05 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.stat_date AS period,
        base.org_code AS org_code,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name = $3
)
SELECT
    period,
    org_code,
    count(*) FILTER (WHERE status = $4) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = $5) AS arrived_fact_outp_visit
FROM counted
GROUP BY period, org_code;

