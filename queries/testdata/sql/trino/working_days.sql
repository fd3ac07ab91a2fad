-- 1: parameters [2025-03-01 2025-04-01 2025-03-01 2025-04-01]
WITH
-- working days of the calendar after one day and through another
workday AS (
    SELECT
        pair.after_date,
        pair.through_date,
        count(calendar.cal_date) AS days
    FROM (
        SELECT DISTINCT
            base.declare_date AS after_date,
            base.pay_date AS through_date
        FROM fact_appropriation AS base
        WHERE base.pay_date >= CAST(? AS DATE)
            AND base.pay_date < CAST(? AS DATE)
    ) AS pair
    LEFT JOIN dim_calendar AS calendar
        ON calendar.cal_date > pair.after_date
        AND calendar.cal_date <= pair.through_date
        AND calendar.is_workday
    GROUP BY 1, 2
),
-- the rows that count
counted AS (
    SELECT
        workday.days AS workdays_taken
    FROM fact_appropriation AS base
    LEFT JOIN workday
        ON workday.after_date = base.declare_date
        AND workday.through_date = base.pay_date
    WHERE base.pay_date >= CAST(? AS DATE) AND base.pay_date < CAST(? AS DATE)
        AND base.declare_date IS NOT NULL
)
SELECT
    0 AS slot,
    sum(workdays_taken) AS ap_days
FROM counted
HAVING count(*) > 0;

-- 2: parameters [2025-03-01 2025-04-01 fact_appropriation ARRIVED ARRIVED]
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
    count(*) FILTER (WHERE status = ?) AS came_fact_appropriation,
    count(*) FILTER (WHERE is_expected) AS expected_fact_appropriation,
    count(*) FILTER (WHERE is_expected AND status = ?) AS arrived_fact_appropriation
FROM counted
HAVING count(*) > 0;

-- 3: parameters [2025-03-01 2025-04-01]
WITH
-- the rows that count
counted AS (
    SELECT
        0 AS slot
    FROM fact_appropriation AS base
    WHERE base.pay_date >= CAST(? AS DATE) AND base.pay_date < CAST(? AS DATE)
        AND base.declare_date IS NOT NULL
)
SELECT
    0 AS slot,
    count(*) AS ap_n
FROM counted
HAVING count(*) > 0;

