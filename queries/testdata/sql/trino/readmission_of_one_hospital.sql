-- 1: parameters [2025-03-01 2025-06-01 2025-03-01 2025-04-01 1 4 9 2025-03-01 2025-04-01 1 4 9 H1]
WITH
-- rows for which another one is found
seen_ip_readm30 AS (
    SELECT DISTINCT
        base.stay_id
    FROM fact_inp_stay AS base
    JOIN fact_inp_stay AS again
        ON again.person_key = base.person_key
        AND again.stay_id <> base.stay_id
        AND again.discharge_date >= CAST(? AS DATE)
        AND again.admit_time > base.discharge_time AND date_diff('day', CAST(base.discharge_time AS DATE), CAST(again.admit_time AS DATE)) BETWEEN 0 AND 30
        AND again.discharge_date < CAST(? AS DATE)
    WHERE base.discharge_date >= CAST(? AS DATE)
        AND base.discharge_date < CAST(? AS DATE)
        AND base.discharge_way IN (?, ?, ?)
        AND NOT coalesce(base.plan_readmit31, FALSE)
),
-- the rows that count
counted AS (
    SELECT
        seen_ip_readm30.stay_id IS NOT NULL AS seen_ip_readm30
    FROM fact_inp_stay AS base
    LEFT JOIN seen_ip_readm30
        ON seen_ip_readm30.stay_id = base.stay_id
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND base.discharge_way IN (?, ?, ?)
        AND NOT coalesce(base.plan_readmit31, FALSE)
        AND base.org_code IN (?)
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE seen_ip_readm30) AS ip_readm30,
    count(*) AS ip_readm_den
FROM counted
HAVING count(*) > 0;

-- 2: parameters [2025-03-01 2025-04-01 fact_inp_stay H1 ARRIVED ARRIVED]
WITH
-- the rows that count
counted AS (
    SELECT
        base.status AS status,
        base.is_expected AS is_expected
    FROM delivery_day AS base
    WHERE base.stat_date >= CAST(? AS DATE) AND base.stat_date < CAST(? AS DATE)
        AND base.table_name = ?
        AND base.org_code IN (?)
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE status = ?) AS came_fact_inp_stay,
    count(*) FILTER (WHERE is_expected) AS expected_fact_inp_stay,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_inp_stay
FROM counted
HAVING count(*) > 0;

