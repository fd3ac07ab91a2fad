-- status = 'DONE' and not is_emergency
"status" = $1 AND NOT "is_emergency"; -- DONE

-- status in ('DONE', 'REG') or status is null
"status" IN ($1, $2) OR "status" IS NULL; -- DONE -- REG

-- status <> 'it''s' and "status" != ''
"status" <> $1 AND "status" <> $2; -- it's -- 

-- not (is_emergency or status = 'X') and total_fee >= 0.5
NOT ("is_emergency" OR "status" = $1) AND "total_fee" >= 0.5; -- X

-- a.status = 'DONE' and b.is_emergency is not null
"a"."status" = $1 AND "b"."is_emergency" IS NOT NULL; -- DONE

-- sum(drug_fee - coalesce(total_fee, 0))
sum("drug_fee" - coalesce("total_fee", 0));

-- sum(drug_fee - (total_fee - 1.25))
sum("drug_fee" - ("total_fee" - 1.25));

-- count(*)
count(*);

-- count(distinct person_key)
count(DISTINCT "person_key");

-- median(los_days)
median(CAST("los_days" AS DOUBLE));

-- median(total_fee)
median(CAST("total_fee" AS DOUBLE));

-- quantile_cont(date_diff('second', admit_time, discharge_time) / 60.0, 0.9)
quantile_cont(CAST((CAST(date_diff('second', CAST("admit_time" AS TIMESTAMP), CAST("discharge_time" AS TIMESTAMP)) AS DOUBLE) / nullif(CAST(60.0 AS DOUBLE), 0)) AS DOUBLE), 0.9);

-- avg(total_fee)
avg(CAST("total_fee" AS DOUBLE));

-- arg_max(status, total_fee)
first("status" ORDER BY "total_fee" DESC NULLS LAST, "status");

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
date_diff('minute', CAST(greatest("admit_time", "discharge_time") AS TIMESTAMP), CAST("discharge_date" AS TIMESTAMP));

-- date_diff('month', admit_date, discharge_date)
date_diff('month', CAST("admit_date" AS DATE), CAST("discharge_date" AS DATE));

-- (discharge_date + 1)::timestamp
CAST(("discharge_date" + CAST(1 AS INTEGER)) AS TIMESTAMP);

-- discharge_date - admit_date
date_diff('day', "admit_date", "discharge_date");

-- discharge_date - 365 <= current_date
("discharge_date" - CAST(365 AS INTEGER)) <= CAST($1 AS DATE); -- 2025-06-12

-- admit_time + INTERVAL 30 DAY < TIMESTAMP '2025-01-31 08:00'
"admit_time" + INTERVAL 30 DAY < CAST($1 AS TIMESTAMP); -- 2025-01-31 08:00:00

-- discharge_date >= DATE '2025-01-01'
"discharge_date" >= CAST($1 AS DATE); -- 2025-01-01

-- admit_time + INTERVAL '2 weeks' > admit_time - INTERVAL 1 quarter
"admit_time" + INTERVAL 14 DAY > "admit_time" - INTERVAL 3 MONTH;

-- left(region_code, 4) <> right(region_code, 2)
left("region_code", 4) <> right("region_code", 2);

-- code like 'C%' or code not like 'J4_'
"code" LIKE $1 OR "code" NOT LIKE $2; -- C% -- J4_

-- case when status = 'A' or is_emergency then los_days <= 2 else los_days <= 1 end
CASE WHEN "status" = $1 OR "is_emergency" THEN "los_days" <= 2 ELSE "los_days" <= 1 END; -- A

-- case status when 'A' then 1 when 'B' then 2.5 end
CASE "status" WHEN $1 THEN 1 WHEN $2 THEN 2.5 END; -- A -- B

-- hour(admit_time) < 7 or hour(admit_time) >= 22
hour("admit_time") < 7 OR hour("admit_time") >= 22;

-- coalesce(status, s, '无') || '-' || code
coalesce("status", "s", $1) || $2 || "code"; -- 无 -- -

-- concat(status, null, los_days)
concat("status", NULL, "los_days");

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
round("total_fee") = CAST(trunc(CAST("los_days" AS DOUBLE) / nullif(CAST(2 AS DOUBLE), 0)) AS BIGINT);

-- lower(trim(s)) = upper(substr(s, 2)) and length(substr(s, 1, 3)) = 3
lower(trim("s", ' ' || chr(9) || chr(10) || chr(13) || chr(12288))) = upper(substr("s", 2)) AND length(substr("s", 1, 3)) = 3;

-- replace(s, 'a', 'b') = split_part(s, '|', 2)
replace("s", $1, $2) = split_part("s", $3, 2); -- a -- b -- |

-- starts_with(s, 'a') and contains(s, 'b')
starts_with("s", $1) AND contains("s", $2); -- a -- b

-- regexp_matches(s, '^[0-9]+$') and regexp_full_match(s, '[A-Z]{2}') and regexp_extract(s, '([0-9]+)', 1) = regexp_replace(s, 'x', 'y')
regexp_matches("s", $1) AND regexp_full_match("s", $2) AND regexp_extract("s", $3, 1) = regexp_replace("s", $4, $5, 'g'); -- ^[0-9]+$ -- [A-Z]{2} -- ([0-9]+) -- x -- y

-- year(discharge_date) * 100 + month(discharge_date) + iso_week(admit_time) + iso_year(admit_time) + iso_weekday(admit_time) + quarter(admit_time) + day(admit_time) + minute(admit_time)
year("discharge_date") * 100 + month("discharge_date") + week("admit_time") + isoyear("admit_time") + isodow("admit_time") + quarter("admit_time") + day("admit_time") + minute("admit_time");

-- date_trunc('week', discharge_date) = date_trunc('month', admit_date)
CAST(date_trunc('week', "discharge_date") AS DATE) = CAST(date_trunc('month', "admit_date") AS DATE);

-- date_trunc('hour', admit_time) < date_add('day', discharge_date, los_days)
date_trunc('hour', CAST("admit_time" AS TIMESTAMP)) < (CAST("discharge_date" AS TIMESTAMP) + to_days(CAST("los_days" AS INTEGER)));

-- last_day(discharge_date) = make_date(2025, 1, 31)
last_day("discharge_date") = TRY(make_date(CAST(2025 AS BIGINT), CAST(1 AS BIGINT), CAST(31 AS BIGINT)));

-- make_timestamp(discharge_date, 8) < admit_time
(CAST("discharge_date" AS TIMESTAMP) + to_hours(CAST(8 AS BIGINT))) < "admit_time";

-- year_month(discharge_date) = '2025-03'
strftime("discharge_date", '%Y-%m') = $1; -- 2025-03

-- if(is_emergency, los_days, null) = nullif(los_days, 0)
CASE WHEN "is_emergency" THEN "los_days" ELSE NULL END = nullif("los_days", 0);

-- bool_or(is_emergency) and bool_and(is_emergency)
bool_or("is_emergency") AND bool_and("is_emergency");

-- min(los_days) + max(los_days) + stddev(los_days)
min("los_days") + max("los_days") + stddev_samp(CAST("los_days" AS DOUBLE));

-- least(los_days, qty, null) = greatest(los_days, qty)
least("los_days", "qty", NULL) = greatest("los_days", "qty");

-- to_date(s) < to_date(s, '%Y%m%d', '%d.%m.%Y') and is_date(s) and is_date(s, '%Y')
CAST(CASE WHEN "s" LIKE '____-__-__' OR "s" LIKE '____-__-__ __:__:__' THEN TRY_CAST("s" AS TIMESTAMP) WHEN "s" LIKE '____%-%' OR "s" LIKE '____%/%' THEN try_strptime("s", ['%Y-%m-%d', '%Y/%m/%d', '%Y-%m-%d %H:%M:%S', '%Y/%m/%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%dT%H:%M:%SZ']) WHEN length("s") = 8 THEN try_strptime("s", '%Y%m%d') WHEN length("s") = 14 THEN try_strptime("s", '%Y%m%d%H%M%S') END AS DATE) < CAST(try_strptime("s", [$1, $2]) AS DATE) AND (CASE WHEN "s" LIKE '____-__-__' OR "s" LIKE '____-__-__ __:__:__' THEN TRY_CAST("s" AS TIMESTAMP) WHEN "s" LIKE '____%-%' OR "s" LIKE '____%/%' THEN try_strptime("s", ['%Y-%m-%d', '%Y/%m/%d', '%Y-%m-%d %H:%M:%S', '%Y/%m/%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%dT%H:%M:%SZ']) WHEN length("s") = 8 THEN try_strptime("s", '%Y%m%d') WHEN length("s") = 14 THEN try_strptime("s", '%Y%m%d%H%M%S') END) IS NOT NULL AND try_strptime("s", [$3]) IS NOT NULL; -- %Y%m%d -- %d.%m.%Y -- %Y

-- to_timestamp(s) < to_timestamp(s, '%Y%m%d%H')
CASE WHEN "s" LIKE '____-__-__' OR "s" LIKE '____-__-__ __:__:__' THEN TRY_CAST("s" AS TIMESTAMP) WHEN "s" LIKE '____%-%' OR "s" LIKE '____%/%' THEN try_strptime("s", ['%Y-%m-%d', '%Y/%m/%d', '%Y-%m-%d %H:%M:%S', '%Y/%m/%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%dT%H:%M:%SZ']) WHEN length("s") = 8 THEN try_strptime("s", '%Y%m%d') WHEN length("s") = 14 THEN try_strptime("s", '%Y%m%d%H%M%S') END < try_strptime("s", [$1]); -- %Y%m%d%H

-- to_decimal(s) + to_decimal(s, 4) > to_double(s)
CASE WHEN (strpos("s", '.') = 0 OR length("s") - strpos("s", '.') <= 2) AND NOT contains("s", 'e') AND NOT contains("s", 'E') AND NOT contains("s", '_') THEN TRY_CAST("s" AS DECIMAL(18,2)) WHEN regexp_full_match("s", '[+-]?[0-9]*\.[0-9]{0,2}0*') THEN TRY_CAST("s" AS DECIMAL(18,2)) END + CASE WHEN (strpos("s", '.') = 0 OR length("s") - strpos("s", '.') <= 4) AND NOT contains("s", 'e') AND NOT contains("s", 'E') AND NOT contains("s", '_') THEN TRY_CAST("s" AS DECIMAL(18,4)) WHEN regexp_full_match("s", '[+-]?[0-9]*\.[0-9]{0,4}0*') THEN TRY_CAST("s" AS DECIMAL(18,4)) END > CASE WHEN regexp_full_match("s", '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?') THEN TRY_CAST("s" AS DOUBLE) END;

-- to_int(s) = 12 and is_number(s)
CASE WHEN NOT contains("s", '.') AND NOT contains("s", 'e') AND NOT contains("s", 'E') AND NOT contains("s", '_') AND NOT contains("s", 'x') AND NOT contains("s", 'X') AND NOT contains("s", 'b') AND NOT contains("s", 'B') THEN TRY_CAST("s" AS BIGINT) WHEN regexp_full_match("s", '[+-]?[0-9]+\.0*') THEN TRY_CAST("s" AS BIGINT) END = 12 AND regexp_full_match("s", '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)');

-- to_bool(s) or to_bool(s, '2') or to_bool(s, '2', '1')
CASE WHEN lower(trim("s")) IN ('1', 'y', 'yes', 't', 'true', '是', '有') THEN TRUE WHEN lower(trim("s")) IN ('0', 'n', 'no', 'f', 'false', '否', '无') THEN FALSE END OR CASE WHEN "s" = $1 THEN TRUE WHEN "s" IS NOT NULL THEN FALSE END OR CASE WHEN "s" = $2 THEN TRUE WHEN "s" = $3 THEN FALSE END; -- 2 -- 2 -- 1

-- clean(halfwidth(s)) = lpad(s, 6, '0')
nullif(nullif(nullif(trim(translate("s", '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～　', '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ '), ' ' || chr(9) || chr(10) || chr(13) || chr(12288)), ''), '-'), '—') = lpad("s", CAST(6 AS INTEGER), $1); -- 0

-- json_text(j, '$.setlinfo.psn_no') = s and json_length(j) > json_length(j, '$.diseinfo')
json_extract_string("j", $1) = "s" AND json_array_length("j") > json_array_length("j", $2); -- $.setlinfo.psn_no -- $.diseinfo

-- person_key('01', s, code, status) = pseudonym(s)
-- t.yaml:3:9: person_key cannot be said in duckdb: keyed hashes are made while loading, with the lake's key
t.yaml:3:45: pseudonym cannot be said in duckdb: keyed hashes are made while loading, with the lake's key;

-- map(s, 'RC019') = hash(s, code, los_days)
-- t.yaml:3:9: map cannot be said in duckdb: code lists stand in the source's folder; ingest spells it while loading;

