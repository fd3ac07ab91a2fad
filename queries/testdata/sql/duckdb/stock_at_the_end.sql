-- 1: parameters [2025-03-01 2025-05-01 2025-03-01 2025-05-01]
WITH
-- the last day of each period that each owner delivered
last_delivered AS (
    SELECT
        date_diff('month', CAST(DATE '2025-03-01' AS DATE), CAST(base.stat_date AS DATE)) AS slot,
        base.org_code,
        max(base.stat_date) AS last_time
    FROM fact_stock_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
    GROUP BY 1, 2
),
-- the rows that count
counted AS (
    SELECT
        date_diff('month', CAST(DATE '2025-03-01' AS DATE), CAST(base.stat_date AS DATE)) AS slot,
        base.amount AS amount
    FROM fact_stock_day AS base
    JOIN last_delivered
        ON last_delivered.last_time = base.stat_date
        AND last_delivered.org_code IS NOT DISTINCT FROM base.org_code
    WHERE base.stat_date >= CAST($3 AS DATE) AND base.stat_date < CAST($4 AS DATE)
)
SELECT
    slot,
    sum(amount) AS sk_amt
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2025-03-01 2025-05-01 fact_stock_day fact_dispense fact_stock_day ARRIVED fact_stock_day fact_stock_day ARRIVED fact_dispense ARRIVED fact_dispense fact_dispense ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        date_diff('month', CAST(DATE '2025-03-01' AS DATE), CAST(base.stat_date AS DATE)) AS slot,
        base.table_name AS table_name,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name IN ($3, $4)
)
SELECT
    slot,
    count(*) FILTER (WHERE table_name = $5 AND status = $6) AS came_fact_stock_day,
    count(*) FILTER (WHERE table_name = $7 AND is_expected) AS expected_fact_stock_day,
    count(*) FILTER (WHERE table_name = $8 AND is_expected AND status = $9) AS arrived_fact_stock_day,
    count(*) FILTER (WHERE table_name = $10 AND status = $11) AS came_fact_dispense,
    count(*) FILTER (WHERE table_name = $12 AND is_expected) AS expected_fact_dispense,
    count(*) FILTER (WHERE table_name = $13 AND is_expected AND status = $14) AS arrived_fact_dispense
FROM counted
GROUP BY slot;

-- 3: parameters [2025-03-01 2025-05-01]
WITH
-- the rows that count
counted AS (
    SELECT
        date_diff('month', CAST(DATE '2025-03-01' AS DATE), CAST(base.disp_date AS DATE)) AS slot,
        base.amount AS amount
    FROM fact_dispense AS base
    WHERE base.disp_date >= CAST($1 AS DATE) AND base.disp_date < CAST($2 AS DATE)
)
SELECT
    slot,
    sum(amount) AS ds_amt
FROM counted
GROUP BY slot
ORDER BY 1;

