-- 1: parameters [2025-02-01 2025-04-01 DONE]
WITH
-- the rows that count
counted AS (
    SELECT
        date_diff('month', CAST(DATE '2025-02-01' AS DATE), CAST(base.visit_date AS DATE)) AS slot,
        base.total_fee AS total_fee
    FROM fact_outp_visit AS base
    WHERE base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE)
        AND base.status = $3
)
SELECT
    slot,
    sum(total_fee) AS op_fee,
    count(*) AS op_all
FROM counted
GROUP BY slot
ORDER BY 1;

-- 2: parameters [2024-01-01 2024-04-01 2025-01-01 2025-04-01 DONE]
WITH
-- the periods asked
slot AS (
    SELECT slot, from_date, to_date, as_of, until_time
    FROM (
        VALUES
            (0, DATE '2024-01-01', DATE '2024-03-01', DATE '2024-02-29', TIMESTAMP '2024-03-01 00:00:00'),
            (1, DATE '2024-01-01', DATE '2024-04-01', DATE '2024-03-31', TIMESTAMP '2024-04-01 00:00:00'),
            (2, DATE '2025-01-01', DATE '2025-03-01', DATE '2025-02-28', TIMESTAMP '2025-03-01 00:00:00'),
            (3, DATE '2025-01-01', DATE '2025-04-01', DATE '2025-03-31', TIMESTAMP '2025-04-01 00:00:00')
    ) AS period(slot, from_date, to_date, as_of, until_time)
),
-- the rows that count
counted AS (
    SELECT
        slot.slot AS slot,
        base.total_fee AS total_fee
    FROM fact_outp_visit AS base
    JOIN slot
        ON base.visit_date >= slot.from_date
        AND base.visit_date < slot.to_date
    WHERE (base.visit_date >= CAST($1 AS DATE) AND base.visit_date < CAST($2 AS DATE) OR base.visit_date >= CAST($3 AS DATE) AND base.visit_date < CAST($4 AS DATE))
        AND base.status = $5
)
SELECT
    slot,
    sum(total_fee) AS op_fee,
    count(*) AS op_all
FROM counted
GROUP BY slot
ORDER BY 1;

-- 3: parameters [2025-02-01 2025-04-01 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        date_diff('month', CAST(DATE '2025-02-01' AS DATE), CAST(base.stat_date AS DATE)) AS slot,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE)
        AND base.table_name = $3
)
SELECT
    slot,
    count(*) FILTER (WHERE status = $4) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = $5) AS arrived_fact_outp_visit
FROM counted
GROUP BY slot;

-- 4: parameters [2024-01-01 2024-04-01 2025-01-01 2025-04-01 fact_outp_visit ARRIVED ARRIVED]
WITH
-- the periods asked
slot AS (
    SELECT slot, from_date, to_date, as_of, until_time
    FROM (
        VALUES
            (0, DATE '2024-01-01', DATE '2024-03-01', DATE '2024-02-29', TIMESTAMP '2024-03-01 00:00:00'),
            (1, DATE '2024-01-01', DATE '2024-04-01', DATE '2024-03-31', TIMESTAMP '2024-04-01 00:00:00'),
            (2, DATE '2025-01-01', DATE '2025-03-01', DATE '2025-02-28', TIMESTAMP '2025-03-01 00:00:00'),
            (3, DATE '2025-01-01', DATE '2025-04-01', DATE '2025-03-31', TIMESTAMP '2025-04-01 00:00:00')
    ) AS period(slot, from_date, to_date, as_of, until_time)
),
-- the rows that count
counted AS (
    SELECT
        slot.slot AS slot,
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    JOIN slot
        ON base.stat_date >= slot.from_date
        AND base.stat_date < slot.to_date
    WHERE (base.stat_date >= CAST($1 AS DATE) AND base.stat_date < CAST($2 AS DATE) OR base.stat_date >= CAST($3 AS DATE) AND base.stat_date < CAST($4 AS DATE))
        AND base.table_name = $5
)
SELECT
    slot,
    count(*) FILTER (WHERE status = $6) AS came_fact_outp_visit,
    count(*) FILTER (WHERE is_expected) AS expected_fact_outp_visit,
    count(*) FILTER (WHERE is_expected AND status = $7) AS arrived_fact_outp_visit
FROM counted
GROUP BY slot;

