-- 1: parameters [2025-01-01 2025-04-01 OK 2025-01-01 2025-04-01 OK 5 2025-01-01 2025-04-01 OK OK OK 5 OK]
WITH
-- the rows of everybody that make it
bench_group_mean_case AS (
    SELECT
        CAST(date_trunc('month', base.discharge_date) AS DATE) AS month,
        base.scheme AS scheme,
        base.group_code AS group_code,
        base.total_fee AS total_fee,
        base.los_days AS los_days,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, base.group_code ORDER BY base.total_fee) AS from_below,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, base.group_code ORDER BY base.total_fee DESC) AS from_above
    FROM fact_case_group AS base
    WHERE base.discharge_date >= CAST($1 AS DATE) AND base.discharge_date < CAST($2 AS DATE)
        AND base.status = $3
        AND base.total_fee IS NOT NULL
),
-- each group_code in each period, whoever asks
bench_group_mean AS (
    SELECT
        month,
        scheme,
        group_code,
        count(*) AS cases,
        avg(CAST(total_fee AS DOUBLE)) AS cost,
        avg(CAST(los_days AS DOUBLE)) AS los
    FROM bench_group_mean_case
    WHERE from_below >= 0.025
        AND from_above >= 0.025
    GROUP BY 1, 2, 3
    HAVING count(*) >= 15
),
-- the rows of everybody that make it
bench_group_risk_case AS (
    SELECT
        base.scheme AS scheme,
        base.group_code AS group_code,
        base.discharge_way AS discharge_way
    FROM fact_case_group AS base
    WHERE base.discharge_date >= CAST($4 AS DATE) AND base.discharge_date < CAST($5 AS DATE)
        AND base.status = $6
),
-- each group_code in each period, whoever asks
bench_group_risk_of AS (
    SELECT
        scheme,
        group_code,
        count(*) AS cases,
        sum(CASE WHEN discharge_way = $7 THEN 1 ELSE 0 END) AS died
    FROM bench_group_risk_case
    GROUP BY 1, 2
    HAVING count(*) >= 15
),
-- what is compared among groups
bench_group_risk_figure AS (
    SELECT
        scheme,
        group_code,
        cases,
        died,
        CASE WHEN died > 0 THEN CASE WHEN (CAST(died AS DOUBLE) / nullif(CAST(cases AS DOUBLE), 0)) > 0 THEN ln(CAST((CAST(died AS DOUBLE) / nullif(CAST(cases AS DOUBLE), 0)) AS DOUBLE)) END END AS score_figure
    FROM bench_group_risk_of
),
-- how many deviations each group is off the mean of the groups
bench_group_risk_z AS (
    SELECT
        scheme,
        group_code,
        cases,
        died,
        (score_figure - avg(score_figure) OVER (PARTITION BY scheme)) / nullif(stddev_samp(score_figure) OVER (PARTITION BY scheme), 0) AS score_z
    FROM bench_group_risk_figure
),
-- what that means
bench_group_risk AS (
    SELECT
        scheme,
        group_code,
        cases,
        died,
        CASE WHEN died = 0 THEN 0 WHEN score_z < -1 THEN 1 WHEN score_z < 0 THEN 2 WHEN score_z <= 1 THEN 3 WHEN score_z > 1 THEN 4 END AS score
    FROM bench_group_risk_z
),
-- the rows that count
counted AS (
    SELECT
        base.scheme AS scheme,
        base.total_fee AS total_fee,
        bench_group_mean.cost AS bench_group_mean__cost,
        base.status AS status,
        bench_group_risk.score AS bench_group_risk__score,
        base.discharge_way AS discharge_way
    FROM fact_case_group AS base
    LEFT JOIN bench_group_mean
        ON bench_group_mean.month = CAST(date_trunc('month', base.discharge_date) AS DATE)
        AND bench_group_mean.scheme = base.scheme
        AND bench_group_mean.group_code = base.group_code
    LEFT JOIN bench_group_risk
        ON bench_group_risk.scheme = base.scheme
        AND bench_group_risk.group_code = base.group_code
    WHERE base.discharge_date >= CAST($8 AS DATE) AND base.discharge_date < CAST($9 AS DATE)
)
SELECT
    0 AS slot,
    scheme,
    sum((CAST(total_fee AS DOUBLE) / nullif(CAST(bench_group_mean__cost AS DOUBLE), 0))) FILTER (WHERE status = $10 AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_ratio,
    count(*) FILTER (WHERE status = $11 AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_n,
    count(*) FILTER (WHERE status = $12 AND bench_group_risk__score = 1 AND discharge_way = $13) AS dg_low_died,
    count(*) FILTER (WHERE status = $14 AND bench_group_risk__score = 1) AS dg_low
FROM counted
GROUP BY scheme
ORDER BY 1, 2;

-- 2: parameters [2025-01-01 2025-04-01 fact_inp_stay ARRIVED ARRIVED]
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
    count(*) FILTER (WHERE status = $4) AS came_fact_inp_stay,
    count(*) FILTER (WHERE is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE is_expected AND status = $5) AS arrived_fact_inp_stay
FROM counted
HAVING count(*) > 0;

