-- 1: parameters [2025-01-01 2025-04-01 OK 5 2025-01-01 2025-04-01 OK H1 5]
WITH
-- the rows of everybody that make it
bench_group_risk_case AS (
    SELECT
        base.scheme AS scheme,
        base.group_code AS group_code,
        base.org_code AS owner,
        base.discharge_way AS discharge_way
    FROM fact_case_group AS base
    WHERE base.discharge_date >= CAST($1 AS DATE) AND base.discharge_date < CAST($2 AS DATE)
        AND base.is_current
        AND base.status = $3
),
-- whose they are, the largest owner first
bench_group_risk_owner AS (
    SELECT
        scheme,
        group_code,
        owner,
        count(*) AS rows_of,
        row_number() OVER (PARTITION BY scheme, group_code ORDER BY count(*) DESC, owner) AS place
    FROM bench_group_risk_case
    GROUP BY 1, 2, 3
),
-- groups of one owner, or in which each sees enough of the others
bench_group_risk_told AS (
    SELECT
        scheme,
        group_code
    FROM bench_group_risk_owner
    GROUP BY 1, 2
    HAVING count(*) = 1
        OR (
            count(*) > 1
            AND sum(rows_of) - max(CASE WHEN place = 1 THEN rows_of END) >= 10
        )
),
-- each group_code in each period, whoever asks
bench_group_risk_of AS (
    SELECT
        scheme,
        group_code,
        count(*) AS cases,
        sum(CASE WHEN discharge_way = $4 THEN 1 ELSE 0 END) AS died
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
bench_group_risk_all AS (
    SELECT
        scheme,
        group_code,
        cases,
        died,
        CASE WHEN died = 0 THEN 0 WHEN score_z < -1 THEN 1 WHEN score_z < 0 THEN 2 WHEN score_z <= 1 THEN 3 WHEN score_z > 1 THEN 4 END AS score
    FROM bench_group_risk_z
),
-- those of which nobody learns what another's rows come to
bench_group_risk AS (
    SELECT
        bench_group_risk_all.scheme AS scheme,
        bench_group_risk_all.group_code AS group_code,
        bench_group_risk_all.cases AS cases,
        bench_group_risk_all.died AS died,
        bench_group_risk_all.score AS score
    FROM bench_group_risk_all
    JOIN bench_group_risk_told
        ON bench_group_risk_told.scheme IS NOT DISTINCT FROM bench_group_risk_all.scheme
        AND bench_group_risk_told.group_code IS NOT DISTINCT FROM bench_group_risk_all.group_code
),
-- the rows that count
counted AS (
    SELECT
        bench_group_risk.score AS bench_group_risk__score,
        base.discharge_way AS discharge_way
    FROM fact_case_group AS base
    LEFT JOIN bench_group_risk
        ON bench_group_risk.scheme = base.scheme
        AND bench_group_risk.group_code = base.group_code
    WHERE base.discharge_date >= CAST($5 AS DATE) AND base.discharge_date < CAST($6 AS DATE)
        AND base.is_current
        AND base.status = $7
        AND base.org_code IN ($8)
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE bench_group_risk__score = 1 AND discharge_way = $9) AS dg_low_died,
    count(*) FILTER (WHERE bench_group_risk__score = 1) AS dg_low
FROM counted
HAVING count(*) > 0;

-- 2: parameters [2025-01-01 2025-04-01 fact_inp_stay H1 ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name = $3
        AND base.org_code IN ($4)
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = $5) AS came_fact_inp_stay,
    count(*) FILTER (WHERE is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE is_expected AND status = $6) AS arrived_fact_inp_stay
FROM counted
HAVING count(*) > 0;

