-- 1: parameters [2024-02-01 2024-04-01 2025-02-01 2025-04-01 OK 2024-02-24 2024-03-17 2025-02-24 2025-03-17 H1 OK OK OK OK]
WITH
-- the rows of everybody that make it
bench_group_mean_case AS (
    SELECT
        CAST(date_trunc('month', base.discharge_date) AS DATE) AS month,
        base.scheme AS scheme,
        base.group_code AS group_code,
        base.org_code AS owner,
        base.total_fee AS total_fee,
        base.los_days AS los_days,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, base.group_code ORDER BY base.total_fee) AS from_below,
        cume_dist() OVER (PARTITION BY CAST(date_trunc('month', base.discharge_date) AS DATE), base.scheme, base.group_code ORDER BY base.total_fee DESC) AS from_above
    FROM fact_case_group AS base
    WHERE (base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE) OR base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE))
        AND base.is_current
        AND base.status = ?
        AND base.total_fee IS NOT NULL
),
-- whose they are, the largest owner first
bench_group_mean_owner AS (
    SELECT
        month,
        scheme,
        group_code,
        owner,
        count(*) AS rows_of,
        row_number() OVER (PARTITION BY month, scheme, group_code ORDER BY count(*) DESC, owner) AS place
    FROM bench_group_mean_case
    WHERE from_below >= 0.025
        AND from_above >= 0.025
    GROUP BY 1, 2, 3, 4
),
-- groups of one owner, or in which each sees enough of the others
bench_group_mean_told AS (
    SELECT
        month,
        scheme,
        group_code
    FROM bench_group_mean_owner
    GROUP BY 1, 2, 3
    HAVING count(*) = 1
        OR (
            count(*) > 1
            AND sum(rows_of) - max(CASE WHEN place = 1 THEN rows_of END) >= 10
        )
),
-- each group_code in each period, whoever asks
bench_group_mean_all AS (
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
-- those of which nobody learns what another's rows come to
bench_group_mean AS (
    SELECT
        bench_group_mean_all.month AS month,
        bench_group_mean_all.scheme AS scheme,
        bench_group_mean_all.group_code AS group_code,
        bench_group_mean_all.cases AS cases,
        bench_group_mean_all.cost AS cost,
        bench_group_mean_all.los AS los
    FROM bench_group_mean_all
    JOIN bench_group_mean_told
        ON bench_group_mean_told.month IS NOT DISTINCT FROM bench_group_mean_all.month
        AND bench_group_mean_told.scheme IS NOT DISTINCT FROM bench_group_mean_all.scheme
        AND bench_group_mean_told.group_code IS NOT DISTINCT FROM bench_group_mean_all.group_code
),
-- the rows that count
counted AS (
    SELECT
        CASE WHEN base.discharge_date >= DATE '2024-02-24' AND base.discharge_date < DATE '2024-03-17' THEN 0 WHEN base.discharge_date >= DATE '2025-02-24' AND base.discharge_date < DATE '2025-03-17' THEN 1 END AS slot,
        base.total_fee AS total_fee,
        bench_group_mean.cost AS bench_group_mean__cost,
        base.status AS status
    FROM fact_case_group AS base
    LEFT JOIN bench_group_mean
        ON bench_group_mean.month = CAST(date_trunc('month', base.discharge_date) AS DATE)
        AND bench_group_mean.scheme = base.scheme
        AND bench_group_mean.group_code = base.group_code
    WHERE (base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE) OR base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE))
        AND base.is_current
        AND base.org_code IN (?)
)
SELECT
    slot,
    sum((CAST(total_fee AS DOUBLE) / nullif(CAST(bench_group_mean__cost AS DOUBLE), 0))) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_ratio,
    count(*) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS dg_cost_n,
    count(*) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS cases_dg_cost_ratio,
    count(*) FILTER (WHERE status = ? AND total_fee IS NOT NULL AND bench_group_mean__cost > 0) AS cases_dg_cost_n
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2024-02-24 2024-03-17 2025-02-24 2025-03-17 fact_inp_stay H1 ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        CASE WHEN base.stat_date >= DATE '2024-02-24' AND base.stat_date < DATE '2024-03-17' THEN 0 WHEN base.stat_date >= DATE '2025-02-24' AND base.stat_date < DATE '2025-03-17' THEN 1 END AS slot,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE (base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE) OR base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE))
        AND base.table_name = ?
        AND base.org_code IN (?)
)
SELECT
    slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_inp_stay,
    count(*) FILTER (WHERE is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_inp_stay
FROM counted
GROUP BY slot;

