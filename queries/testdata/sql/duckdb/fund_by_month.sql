-- 1: parameters [2025-01 2025-04]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot,
        base.pool_region_code AS pool_region_code,
        base.is_instant_open AS is_instant_open,
        base.expense AS expense
    FROM fact_fund_month AS base
    WHERE base.stat_month >= $1 AND base.stat_month < $2
)
SELECT
    slot,
    count(DISTINCT pool_region_code) FILTER (WHERE is_instant_open) AS ap_pools,
    count(DISTINCT pool_region_code) AS fm_pools,
    sum(expense) AS fm_out
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2025-01-01 2025-04-01 fact_fund_month ARRIVED fact_fund_month fact_fund_month ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot,
        base.table_name AS table_name,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
)
SELECT
    slot,
    count(*) FILTER (WHERE table_name = $3 AND status = $4) AS came_fact_fund_month,
    count(*) FILTER (WHERE table_name = $5 AND is_expected) AS expected_fact_fund_month,
    count(*) FILTER (WHERE table_name = $6 AND is_expected AND status = $7) AS arrived_fact_fund_month
FROM counted
GROUP BY slot
ORDER BY 1;

-- 3: parameters [2025-01 2025-04 2025-01 2025-04]
WITH
-- the last day of each period that each owner delivered
last_delivered AS (
    SELECT
        0 AS slot,
        base.pool_region_code,
        max(base.stat_month) AS last_time
    FROM fact_fund_month AS base
    WHERE base.stat_month >= $1 AND base.stat_month < $2
    GROUP BY 1, 2
),
-- the rows that count
counted AS (
    SELECT
        0 AS slot,
        base.pool_balance AS pool_balance
    FROM fact_fund_month AS base
    JOIN last_delivered
        ON last_delivered.last_time = base.stat_month
        AND last_delivered.pool_region_code IS NOT DISTINCT FROM base.pool_region_code
    WHERE base.stat_month >= $3 AND base.stat_month < $4
)
SELECT
    slot,
    sum(pool_balance) AS fm_cum
FROM counted
GROUP BY slot
ORDER BY 1;

