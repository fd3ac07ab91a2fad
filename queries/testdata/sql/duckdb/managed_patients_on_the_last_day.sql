-- 1: parameters [HTN]
WITH
-- the periods asked
slot AS (
    SELECT slot, from_date, to_date, as_of, until_time
    FROM (
        VALUES
            (0, DATE '2024-01-01', DATE '2025-01-01', DATE '2024-12-31', TIMESTAMP '2025-01-01 00:00:00'),
            (1, DATE '2025-01-01', DATE '2025-06-01', DATE '2025-06-01', TIMESTAMP '2025-06-01 00:00:00')
    ) AS period(slot, from_date, to_date, as_of, until_time)
),
-- the rows that count
counted AS (
    SELECT
        slot.slot AS slot,
        base.region_code AS region,
        base.person_key AS person_key,
        base.disease AS disease
    FROM fact_chronic AS base
    JOIN slot
        ON base.enroll_date <= slot.as_of
        AND (base.end_date IS NULL OR base.end_date > slot.as_of)
)
SELECT
    slot,
    region,
    count(DISTINCT person_key) FILTER (WHERE disease = $1) AS ch_htn
FROM counted
GROUP BY slot, region
ORDER BY 1, 2;

-- 2: parameters [1900-01-01 2025-06-01 fact_chronic dim_region fact_chronic ARRIVED fact_chronic fact_chronic ARRIVED dim_region ARRIVED dim_region dim_region ARRIVED]
WITH
-- the periods asked
slot AS (
    SELECT slot, from_date, to_date, as_of, until_time
    FROM (
        VALUES
            (0, DATE '1900-01-01', DATE '2025-01-01', DATE '2024-12-31', TIMESTAMP '2025-01-01 00:00:00'),
            (1, DATE '1900-01-01', DATE '2025-06-01', DATE '2025-05-31', TIMESTAMP '2025-06-01 00:00:00'),
            (2, DATE '2024-01-01', DATE '2025-01-01', DATE '2024-12-31', TIMESTAMP '2025-01-01 00:00:00'),
            (3, DATE '2025-01-01', DATE '2025-06-01', DATE '2025-05-31', TIMESTAMP '2025-06-01 00:00:00')
    ) AS period(slot, from_date, to_date, as_of, until_time)
),
-- the rows that count
counted AS (
    SELECT
        slot.slot AS slot,
        base.table_name AS table_name,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    JOIN slot
        ON base.stat_date >= slot.from_date
        AND base.stat_date < slot.to_date
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name IN ($3, $4)
)
SELECT
    slot,
    count(*) FILTER (WHERE table_name = $5 AND status = $6) AS came_fact_chronic,
    count(*) FILTER (WHERE table_name = $7 AND is_expected) AS expected_fact_chronic,
    count(*) FILTER (WHERE table_name = $8 AND is_expected AND status = $9) AS arrived_fact_chronic,
    count(*) FILTER (WHERE table_name = $10 AND status = $11) AS came_dim_region,
    count(*) FILTER (WHERE table_name = $12 AND is_expected) AS expected_dim_region,
    count(*) FILTER (WHERE table_name = $13 AND is_expected AND status = $14) AS arrived_dim_region
FROM counted
GROUP BY slot;

-- 3: parameters []
WITH
-- dim_region: each version until it ends or the next begins
base_version AS (
    SELECT
        region_code,
        est_htn,
        region_level,
        pool_region_code,
        coalesce(valid_from, DATE '0001-01-01') AS valid_from,
        least(coalesce(valid_to, DATE '9999-12-31'), coalesce(lead(valid_from) OVER (PARTITION BY region_code ORDER BY coalesce(valid_from, DATE '0001-01-01')), DATE '9999-12-31')) AS valid_until
    FROM dim_region
),
-- the periods asked
slot AS (
    SELECT slot, from_date, to_date, as_of, until_time
    FROM (
        VALUES
            (0, DATE '2024-01-01', DATE '2025-01-01', DATE '2024-12-31', TIMESTAMP '2025-01-01 00:00:00'),
            (1, DATE '2025-01-01', DATE '2025-06-01', DATE '2025-06-01', TIMESTAMP '2025-06-01 00:00:00')
    ) AS period(slot, from_date, to_date, as_of, until_time)
),
-- the rows that count
counted AS (
    SELECT
        slot.slot AS slot,
        base.region_code AS region,
        base.est_htn AS est_htn,
        base.region_level AS region_level
    FROM base_version AS base
    JOIN slot
        ON base.valid_from <= slot.as_of
        AND base.valid_until > slot.as_of
)
SELECT
    slot,
    region,
    sum(est_htn) FILTER (WHERE region_level = 3) AS rg_htn
FROM counted
GROUP BY slot, region
ORDER BY 1, 2;

