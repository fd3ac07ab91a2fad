-- 1: parameters [2025-01-01 2025-06-01 310 390 3401 34 LOC 21 22 24 52 21 22 24 52 LOC 21 22 24 52 21 22 24 52]
WITH
-- the rows that count
counted AS (
    SELECT
        base.insu_region_code AS region,
        base.is_refund AS is_refund,
        base.cross_type AS cross_type,
        base.med_type AS med_type
    FROM fact_settlement AS base
    WHERE base.setl_date >= CAST(? AS DATE) AND base.setl_date < CAST(? AS DATE)
        AND base.insutype IN (?, ?)
        AND (starts_with(base.insu_region_code, ?) OR starts_with(base.insu_region_code, ?))
)
SELECT
    0 AS slot,
    region,
    sum(CASE WHEN is_refund THEN -1 ELSE 1 END) FILTER (WHERE cross_type <> ? AND med_type IN (?, ?, ?, ?)) AS st_x_ip,
    sum(CASE WHEN is_refund THEN -1 ELSE 1 END) FILTER (WHERE med_type IN (?, ?, ?, ?)) AS st_ip,
    count(*) FILTER (WHERE cross_type <> ? AND med_type IN (?, ?, ?, ?)) AS cases_st_x_ip,
    count(*) FILTER (WHERE med_type IN (?, ?, ?, ?)) AS cases_st_ip
FROM counted
GROUP BY region
ORDER BY 1, 2;

-- 2: parameters [2025-01-01 2025-06-01 fact_settlement ARRIVED ARRIVED]
WITH
-- dim_org: each version until it ends or the next begins
org AS (
    SELECT
        org_code,
        region_code,
        coalesce(valid_from, DATE '0001-01-01') AS valid_from,
        least(coalesce(valid_to, DATE '9999-12-31'), coalesce(lead(valid_from) OVER (PARTITION BY org_code ORDER BY coalesce(valid_from, DATE '0001-01-01')), DATE '9999-12-31')) AS valid_until
    FROM dim_org
),
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.stat_date
        AND org.valid_until > base.stat_date
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name = ?
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_settlement,
    count(*) FILTER (WHERE is_expected) AS expected_fact_settlement,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_settlement
FROM counted
HAVING count(*) > 0;

