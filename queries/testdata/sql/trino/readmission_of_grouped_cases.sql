-- 1: parameters [2025-06-01 2025-03-01 2025-04-01 OK 1 4 9 2025-03-01 2025-04-01 OK 1 4 9 H1]
WITH
-- rows for which another one is found
again_dg_back AS (
    SELECT DISTINCT
        base.org_code,
        base.stay_id,
        base.scheme,
        base.scheme_hash
    FROM fact_case_group AS base
    JOIN fact_inp_stay AS again
        ON again.person_key = base.person_key
        AND (again.stay_id <> base.stay_id OR again.org_code <> base.org_code) AND again.admit_time > base.discharge_time AND date_diff('day', CAST(base.discharge_time AS DATE), CAST(again.admit_time AS DATE)) BETWEEN 0 AND 31
        AND again.discharge_date < CAST(? AS DATE)
    WHERE base.discharge_date >= CAST(? AS DATE)
        AND base.discharge_date < CAST(? AS DATE)
        AND base.is_current
        AND base.status = ?
        AND base.discharge_way IN (?, ?, ?)
),
-- the rows that count
counted AS (
    SELECT
        stay.plan_readmit31 AS stay__plan_readmit31,
        again_dg_back.org_code IS NOT NULL AS again_dg_back
    FROM fact_case_group AS base
    LEFT JOIN fact_inp_stay AS stay
        ON stay.org_code = base.org_code
        AND stay.stay_id = base.stay_id
    LEFT JOIN again_dg_back
        ON again_dg_back.org_code = base.org_code
        AND again_dg_back.stay_id = base.stay_id
        AND again_dg_back.scheme = base.scheme
        AND again_dg_back.scheme_hash = base.scheme_hash
    WHERE base.discharge_date >= CAST(? AS DATE) AND base.discharge_date < CAST(? AS DATE)
        AND base.is_current
        AND base.status = ?
        AND base.discharge_way IN (?, ?, ?)
        AND base.org_code IN (?)
)
SELECT
    0 AS slot,
    count(*) FILTER (WHERE NOT coalesce(stay__plan_readmit31, FALSE) AND again_dg_back) AS dg_back,
    count(*) FILTER (WHERE NOT coalesce(stay__plan_readmit31, FALSE)) AS dg_alive
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

