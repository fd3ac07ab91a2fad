-- status = 'DONE' and not is_emergency
"status" = ? AND NOT "is_emergency"; -- DONE

-- status in ('DONE', 'REG') or status is null
"status" IN (?, ?) OR "status" IS NULL; -- DONE -- REG

-- status <> 'it''s' and "status" != ''
"status" <> ? AND "status" <> ?; -- it's -- 

-- not (is_emergency or status = 'X') and total_fee >= 0.5
NOT ("is_emergency" OR "status" = ?) AND "total_fee" >= 0.5; -- X

-- a.status = 'DONE' and b.is_emergency is not null
"a"."status" = ? AND "b"."is_emergency" IS NOT NULL; -- DONE

-- sum(drug_fee - coalesce(total_fee, 0))
sum("drug_fee" - coalesce("total_fee", 0));

-- sum(drug_fee - (total_fee - 1.25))
sum("drug_fee" - ("total_fee" - 1.25));

-- count(*)
count(*);

-- count(distinct person_key)
count(DISTINCT "person_key");

-- median(los_days)
element_at(transform(ARRAY[array_agg(CAST("los_days" AS DOUBLE) ORDER BY CAST("los_days" AS DOUBLE)) FILTER (WHERE "los_days" IS NOT NULL)], a -> a[CAST(floor((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1] + ((cardinality(a) - 1) * DOUBLE '0.5' - floor((cardinality(a) - 1) * DOUBLE '0.5')) * (a[CAST(ceil((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1] - a[CAST(floor((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1])), 1);

-- median(total_fee)
element_at(transform(ARRAY[array_agg(CAST("total_fee" AS DOUBLE) ORDER BY CAST("total_fee" AS DOUBLE)) FILTER (WHERE "total_fee" IS NOT NULL)], a -> a[CAST(floor((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1] + ((cardinality(a) - 1) * DOUBLE '0.5' - floor((cardinality(a) - 1) * DOUBLE '0.5')) * (a[CAST(ceil((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1] - a[CAST(floor((cardinality(a) - 1) * DOUBLE '0.5') AS INTEGER) + 1])), 1);

-- quantile_cont(date_diff('second', admit_time, discharge_time) / 60.0, 0.9)
element_at(transform(ARRAY[array_agg(CAST((CAST(date_diff('second', date_trunc('second', CAST("admit_time" AS TIMESTAMP(6))), date_trunc('second', CAST("discharge_time" AS TIMESTAMP(6)))) AS DOUBLE) / nullif(CAST(60.0 AS DOUBLE), 0)) AS DOUBLE) ORDER BY CAST((CAST(date_diff('second', date_trunc('second', CAST("admit_time" AS TIMESTAMP(6))), date_trunc('second', CAST("discharge_time" AS TIMESTAMP(6)))) AS DOUBLE) / nullif(CAST(60.0 AS DOUBLE), 0)) AS DOUBLE)) FILTER (WHERE (CAST(date_diff('second', date_trunc('second', CAST("admit_time" AS TIMESTAMP(6))), date_trunc('second', CAST("discharge_time" AS TIMESTAMP(6)))) AS DOUBLE) / nullif(CAST(60.0 AS DOUBLE), 0)) IS NOT NULL)], a -> a[CAST(floor((cardinality(a) - 1) * CAST(0.9 AS DOUBLE)) AS INTEGER) + 1] + ((cardinality(a) - 1) * CAST(0.9 AS DOUBLE) - floor((cardinality(a) - 1) * CAST(0.9 AS DOUBLE))) * (a[CAST(ceil((cardinality(a) - 1) * CAST(0.9 AS DOUBLE)) AS INTEGER) + 1] - a[CAST(floor((cardinality(a) - 1) * CAST(0.9 AS DOUBLE)) AS INTEGER) + 1])), 1);

-- avg(total_fee)
avg(CAST("total_fee" AS DOUBLE));

-- arg_max(status, total_fee)
element_at(array_agg("status" ORDER BY "total_fee" DESC NULLS LAST, "status"), 1);

-- los_days / 7
(CAST("los_days" AS DOUBLE) / nullif(CAST(7 AS DOUBLE), 0));

-- los_days % 7 = 1
("los_days" % nullif(7, 0)) = 1;

-- qty * -1 + 2 * (3 - qty)
"qty" * -1 + 2 * (3 - "qty");

-- -(-qty)
-(-"qty");

-- - qty::double
-CAST("qty" AS DOUBLE);

-- date_diff('day', admit_time::date, discharge_date) between 0 and 30
date_diff('day', CAST(CAST("admit_time" AS DATE) AS DATE), CAST("discharge_date" AS DATE)) BETWEEN 0 AND 30;

-- date_diff('minute', greatest(admit_time, discharge_time), discharge_date)
date_diff('minute', date_trunc('minute', CAST(array_max(filter(ARRAY["admit_time", "discharge_time"], x -> x IS NOT NULL)) AS TIMESTAMP(6))), date_trunc('minute', CAST("discharge_date" AS TIMESTAMP(6))));

-- date_diff('month', admit_date, discharge_date)
date_diff('month', date_trunc('month', CAST("admit_date" AS DATE)), date_trunc('month', CAST("discharge_date" AS DATE)));

-- (discharge_date + 1)::timestamp
CAST(date_add('day', CAST(1 AS BIGINT), "discharge_date") AS TIMESTAMP(6));

-- discharge_date - admit_date
date_diff('day', "admit_date", "discharge_date");

-- discharge_date - 365 <= current_date
date_add('day', -CAST(365 AS BIGINT), "discharge_date") <= CAST(? AS DATE); -- 2025-06-12

-- admit_time + INTERVAL 30 DAY < TIMESTAMP '2025-01-31 08:00'
"admit_time" + INTERVAL '30' DAY < CAST(? AS TIMESTAMP(6)); -- 2025-01-31 08:00:00

-- discharge_date >= DATE '2025-01-01'
"discharge_date" >= CAST(? AS DATE); -- 2025-01-01

-- admit_time + INTERVAL '2 weeks' > admit_time - INTERVAL 1 quarter
"admit_time" + INTERVAL '14' DAY > "admit_time" - INTERVAL '3' MONTH;

-- left(region_code, 4) <> right(region_code, 2)
substr("region_code", 1, 4) <> substr("region_code", greatest(length("region_code") - 2 + 1, 1));

-- code like 'C%' or code not like 'J4_'
"code" LIKE ? OR "code" NOT LIKE ?; -- C% -- J4_

-- case when status = 'A' or is_emergency then los_days <= 2 else los_days <= 1 end
CASE WHEN "status" = ? OR "is_emergency" THEN "los_days" <= 2 ELSE "los_days" <= 1 END; -- A

-- case status when 'A' then 1 when 'B' then 2.5 end
CASE "status" WHEN ? THEN 1 WHEN ? THEN 2.5 END; -- A -- B

-- hour(admit_time) < 7 or hour(admit_time) >= 22
hour("admit_time") < 7 OR hour("admit_time") >= 22;

-- coalesce(status, s, '无') || '-' || code
coalesce("status", "s", ?) || ? || "code"; -- 无 -- -

-- concat(status, null, los_days)
concat(coalesce(CAST("status" AS VARCHAR), ''), coalesce(CAST(NULL AS VARCHAR), ''), coalesce(CAST("los_days" AS VARCHAR), ''), '');

-- try_cast(s as decimal(16,2)) > 0
TRY_CAST("s" AS DECIMAL(16,2)) > 0;

-- cast(s as int32) is null
CAST("s" AS INTEGER) IS NULL;

-- "机构" = 机构
"机构" = "机构";

-- "from" is not null
"from" IS NOT NULL;

-- round(x, 2) + abs(x) - floor(x) + ceil(x) + sign(x) + power(x, 2) + sqrt(x) + ln(x)
round("x", 2) + abs("x") - floor("x") + ceil("x") + sign("x") + power(CAST("x" AS DOUBLE), CAST(2 AS DOUBLE)) + CASE WHEN "x" >= 0 THEN sqrt(CAST("x" AS DOUBLE)) END + CASE WHEN "x" > 0 THEN ln(CAST("x" AS DOUBLE)) END;

-- round(total_fee) = div(los_days, 2)
round("total_fee") = CAST(truncate(CAST("los_days" AS DOUBLE) / nullif(CAST(2 AS DOUBLE), 0)) AS BIGINT);

-- lower(trim(s)) = upper(substr(s, 2)) and length(substr(s, 1, 3)) = 3
lower(trim(BOTH ' ' || chr(9) || chr(10) || chr(13) || chr(12288) FROM "s")) = upper(substr("s", 2)) AND length(substr("s", 1, 3)) = 3;

-- replace(s, 'a', 'b') = split_part(s, '|', 2)
replace("s", ?, ?) = CASE WHEN "s" IS NOT NULL THEN coalesce(split_part("s", '|', 2), '') END; -- a -- b

-- starts_with(s, 'a') and contains(s, 'b')
starts_with("s", ?) AND (strpos("s", ?) > 0); -- a -- b

-- regexp_matches(s, '^[0-9]+$') and regexp_full_match(s, '[A-Z]{2}') and regexp_extract(s, '([0-9]+)', 1) = regexp_replace(s, 'x', 'y')
regexp_like("s", ?) AND regexp_like("s", '^(?:' || ? || ')$') AND CASE WHEN "s" IS NOT NULL THEN coalesce(regexp_extract("s", '([0-9]+)', 1), '') END = regexp_replace("s", ?, ?); -- ^[0-9]+$ -- [A-Z]{2} -- x -- y

-- year(discharge_date) * 100 + month(discharge_date) + iso_week(admit_time) + iso_year(admit_time) + iso_weekday(admit_time) + quarter(admit_time) + day(admit_time) + minute(admit_time)
year("discharge_date") * 100 + month("discharge_date") + week("admit_time") + year_of_week("admit_time") + day_of_week("admit_time") + quarter("admit_time") + day("admit_time") + minute("admit_time");

-- date_trunc('week', discharge_date) = date_trunc('month', admit_date)
CAST(date_trunc('week', "discharge_date") AS DATE) = CAST(date_trunc('month', "admit_date") AS DATE);

-- date_trunc('hour', admit_time) < date_add('day', discharge_date, los_days)
date_trunc('hour', CAST("admit_time" AS TIMESTAMP(6))) < date_add('day', CAST("los_days" AS BIGINT), CAST("discharge_date" AS TIMESTAMP(6)));

-- last_day(discharge_date) = make_date(2025, 1, 31)
last_day_of_month("discharge_date") = TRY_CAST(lpad(CAST(2025 AS VARCHAR), 4, '0') || '-' || lpad(CAST(1 AS VARCHAR), 2, '0') || '-' || lpad(CAST(31 AS VARCHAR), 2, '0') AS DATE);

-- make_timestamp(discharge_date, 8) < admit_time
date_add('hour', CAST(8 AS BIGINT), CAST("discharge_date" AS TIMESTAMP(6))) < "admit_time";

-- year_month(discharge_date) = '2025-03'
date_format(CAST("discharge_date" AS TIMESTAMP(6)), '%Y-%m') = ?; -- 2025-03

-- if(is_emergency, los_days, null) = nullif(los_days, 0)
CASE WHEN "is_emergency" THEN "los_days" ELSE NULL END = nullif("los_days", 0);

-- bool_or(is_emergency) and bool_and(is_emergency)
bool_or("is_emergency") AND bool_and("is_emergency");

-- min(los_days) + max(los_days) + stddev(los_days)
min("los_days") + max("los_days") + stddev_samp(CAST("los_days" AS DOUBLE));

-- least(los_days, qty, null) = greatest(los_days, qty)
array_min(filter(ARRAY["los_days", "qty", NULL], x -> x IS NOT NULL)) = array_max(filter(ARRAY["los_days", "qty"], x -> x IS NOT NULL));

-- to_date(s) < to_date(s, '%Y%m%d', '%d.%m.%Y') and is_date(s) and is_date(s, '%Y')
-- t.yaml:3:9: to_date cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:22: to_date cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:59: is_date cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:74: is_date cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- to_timestamp(s) < to_timestamp(s, '%Y%m%d%H')
-- t.yaml:3:9: to_timestamp cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:27: to_timestamp cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- to_decimal(s) + to_decimal(s, 4) > to_double(s)
-- t.yaml:3:9: to_decimal cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:25: to_decimal cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:44: to_double cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- to_int(s) = 12 and is_number(s)
-- t.yaml:3:9: to_int cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:28: is_number cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- to_bool(s) or to_bool(s, '2') or to_bool(s, '2', '1')
-- t.yaml:3:9: to_bool cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:23: to_bool cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:42: to_bool cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- clean(halfwidth(s)) = lpad(s, 6, '0')
-- t.yaml:3:9: clean cannot be said in trino: made for mappings of sources; Trino only reads what was loaded; -- 0

-- json_text(j, '$.setlinfo.psn_no') = s and json_length(j) > json_length(j, '$.diseinfo')
-- t.yaml:3:9: json_text cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:51: json_length cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:68: json_length cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- person_key('01', s, code, status) = pseudonym(s)
-- t.yaml:3:9: person_key cannot be said in trino: made for mappings of sources; Trino only reads what was loaded
t.yaml:3:45: pseudonym cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

-- map(s, 'RC019') = hash(s, code, los_days)
-- t.yaml:3:9: map cannot be said in trino: made for mappings of sources; Trino only reads what was loaded;

