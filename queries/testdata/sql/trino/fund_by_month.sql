-- 1: parameters [2025-01 2025-04]
WITH
-- the rows that count
counted AS (
    SELECT
        base.pool_region_code AS pool_region_code,
        base.is_instant_open AS is_instant_open,
        base.expense AS expense
    FROM fact_fund_month AS base
    WHERE base.stat_month >= ? AND base.stat_month < ?
)
SELECT
    0 AS slot,
    count(DISTINCT pool_region_code) FILTER (WHERE is_instant_open) AS ap_pools,
    count(DISTINCT pool_region_code) AS fm_pools,
    sum(expense) AS fm_out
FROM counted
HAVING count(*) > 0;

-- 2: parameters [2025-01-01 2025-04-01 fact_fund_month ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name = ?
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_fund_month,
    count(*) FILTER (WHERE is_expected) AS expected_fact_fund_month,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_fund_month
FROM counted
HAVING count(*) > 0;

-- 3: parameters [2025-01 2025-04 2025-01 2025-04]
WITH
-- the last day of each period that each owner delivered
last_delivered AS (
    SELECT
        0 AS slot,
        base.pool_region_code,
        max(base.stat_month) AS last_time
    FROM fact_fund_month AS base
    WHERE base.stat_month >= ? AND base.stat_month < ?
    GROUP BY 1, 2
),
-- the rows that count
counted AS (
    SELECT
        base.pool_balance AS pool_balance
    FROM fact_fund_month AS base
    JOIN last_delivered
        ON last_delivered.last_time = base.stat_month
        AND last_delivered.pool_region_code IS NOT DISTINCT FROM base.pool_region_code
    WHERE base.stat_month >= ? AND base.stat_month < ?
)
SELECT
    0 AS slot,
    sum(pool_balance) AS fm_cum
FROM counted
HAVING count(*) > 0;

