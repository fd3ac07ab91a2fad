-- 1: parameters [2025-01-01 2025-04-01 chs_drg_20 OK 2025-01-01 2025-04-01 chs_drg_20 OK 2025-01-01 2025-04-01 chs_drg_20 OK OK OK OK]
WITH
-- dim_org: each version until it ends or the next begins
org AS (
    SELECT
        org_code,
        org_level,
        coalesce(valid_from, DATE '0001-01-01') AS valid_from,
        least(coalesce(valid_to, DATE '9999-12-31'), coalesce(lead(valid_from) OVER (PARTITION BY org_code ORDER BY coalesce(valid_from, DATE '0001-01-01')), DATE '9999-12-31')) AS valid_until
    FROM dim_org
),
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
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND base.scheme = ?
        AND base.status = ?
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
bench_group_mean_of_level_case AS (
    SELECT
        CAST(date_trunc('month', base.discharge_date) AS DATE) AS month,
        base.scheme AS scheme,
        org.org_level AS org_level,
        base.group_code AS group_code,
        base.total_fee AS total_fee,
        base.los_days AS los_days,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, org.org_level, base.group_code ORDER BY base.total_fee) AS from_below,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, org.org_level, base.group_code ORDER BY base.total_fee DESC) AS from_above
    FROM fact_case_group AS base
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.discharge_date
        AND org.valid_until > base.discharge_date
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND base.scheme = ?
        AND base.status = ?
        AND base.total_fee IS NOT NULL
),
-- each group_code in each period, whoever asks
bench_group_mean_of_level AS (
    SELECT
        month,
        scheme,
        org_level,
        group_code,
        count(*) AS cases,
        avg(CAST(total_fee AS DOUBLE)) AS cost,
        avg(CAST(los_days AS DOUBLE)) AS los
    FROM bench_group_mean_of_level_case
    WHERE from_below >= 0.025
        AND from_above >= 0.025
    GROUP BY 1, 2, 3, 4
    HAVING count(*) >= 15
),
-- the rows that count
counted AS (
    SELECT
        date_diff('month', date_trunc('month', CAST(DATE '2025-01-01' AS DATE)), date_trunc('month', CAST(base.discharge_date AS DATE))) AS slot,
        base.discharge_dept AS dept,
        base.total_fee AS total_fee,
        bench_group_mean.cost AS bench_group_mean__cost,
        base.status AS status,
        bench_group_mean_of_level.cost AS bench_group_mean_of_level__cost
    FROM fact_case_group AS base
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.discharge_date
        AND org.valid_until > base.discharge_date
    LEFT JOIN bench_group_mean
        ON bench_group_mean.month = CAST(date_trunc('month', base.discharge_date) AS DATE)
        AND bench_group_mean.scheme = base.scheme
        AND bench_group_mean.group_code = base.group_code
    LEFT JOIN bench_group_mean_of_level
        ON bench_group_mean_of_level.month = CAST(date_trunc('month', base.discharge_date) AS DATE)
        AND bench_group_mean_of_level.scheme = base.scheme
        AND bench_group_mean_of_level.org_level = org.org_level
        AND bench_group_mean_of_level.group_code = base.group_code
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND base.scheme = ?
)
SELECT
    slot,
    dept,
    sum((CAST(total_fee AS DOUBLE) / nullif(CAST(bench_group_mean__cost AS DOUBLE), 0))) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_ratio,
    count(*) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_n,
    sum((CAST(total_fee AS DOUBLE) / nullif(CAST(bench_group_mean_of_level__cost AS DOUBLE), 0))) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean_of_level__cost > 0) AS dg_level_cost_ratio,
    count(*) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean_of_level__cost > 0) AS dg_level_cost_n
FROM counted
GROUP BY slot, dept
ORDER BY 1, 2;

-- 2: parameters [2025-01-01 2025-04-01 fact_inp_stay ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        date_diff('month', date_trunc('month', CAST(DATE '2025-01-01' AS DATE)), date_trunc('month', CAST(base.stat_date AS DATE))) AS slot,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name = ?
)
SELECT
    slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_inp_stay,
    count(*) FILTER (WHERE is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_inp_stay
FROM counted
GROUP BY slot;

