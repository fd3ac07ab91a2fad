-- 1: parameters [2025-01-01 2025-04-01 IP 3401]
WITH
-- dim_drug: each version until it ends or the next begins
drug AS (
    SELECT
        drug_code,
        strength_g,
        ddd_g,
        is_antibiotic,
        coalesce(valid_from, DATE '0001-01-01') AS valid_from,
        least(DATE '9999-12-31', coalesce(lead(valid_from) OVER (PARTITION BY drug_code ORDER BY coalesce(valid_from, DATE '0001-01-01')), DATE '9999-12-31')) AS valid_until
    FROM dim_drug
),
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
        date_diff('month', date_trunc('month', CAST(DATE '2025-01-01' AS DATE)), date_trunc('month', CAST(base.disp_date AS DATE))) AS slot,
        base.qty AS qty,
        drug.strength_g AS drug__strength_g,
        drug.ddd_g AS drug__ddd_g
    FROM fact_dispense AS base
    LEFT JOIN drug
        ON drug.drug_code = base.drug_code
        AND drug.valid_from <= base.disp_date
        AND drug.valid_until > base.disp_date
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.disp_date
        AND org.valid_until > base.disp_date
    WHERE base.disp_date >= CAST(? AS DATE) AND base.disp_date < CAST(? AS DATE)
        AND base.setting = ?
        AND drug.is_antibiotic
        AND drug.ddd_g > 0
        AND starts_with(org.region_code, ?)
)
SELECT
    slot,
    sum((CAST(qty * drug__strength_g AS DOUBLE) / nullif(CAST(drug__ddd_g AS DOUBLE), 0))) AS ds_ddd
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2025-01-01 2025-04-01 fact_dispense fact_inp_stay 3401 fact_dispense ARRIVED fact_dispense fact_dispense ARRIVED fact_inp_stay ARRIVED fact_inp_stay fact_inp_stay ARRIVED]
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
        date_diff('month', date_trunc('month', CAST(DATE '2025-01-01' AS DATE)), date_trunc('month', CAST(base.stat_date AS DATE))) AS slot,
        base.table_name AS table_name,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.stat_date
        AND org.valid_until > base.stat_date
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name IN (?, ?)
        AND starts_with(org.region_code, ?)
)
SELECT
    slot,
    count(*) FILTER (WHERE table_name = ? AND status = ?) AS came_fact_dispense,
    count(*) FILTER (WHERE table_name = ? AND is_expected) AS expected_fact_dispense,
    count(*) FILTER (WHERE table_name = ? AND is_expected AND status = ?) AS arrived_fact_dispense,
    count(*) FILTER (WHERE table_name = ? AND status = ?) AS came_fact_inp_stay,
    count(*) FILTER (WHERE table_name = ? AND is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE table_name = ? AND is_expected AND status = ?) AS arrived_fact_inp_stay
FROM counted
GROUP BY slot;

-- 3: parameters [2025-01-01 2025-04-01 3401]
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
        date_diff('month', date_trunc('month', CAST(DATE '2025-01-01' AS DATE)), date_trunc('month', CAST(base.discharge_date AS DATE))) AS slot,
        base.los_days AS los_days
    FROM fact_inp_stay AS base
    LEFT JOIN org
        ON org.org_code = base.org_code
        AND org.valid_from <= base.discharge_date
        AND org.valid_until > base.discharge_date
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND starts_with(org.region_code, ?)
)
SELECT
    slot,
    sum(los_days) AS ip_days
FROM counted
GROUP BY slot
ORDER BY 1;

