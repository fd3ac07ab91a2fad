package ingest_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
	"github.com/sanyi-lake/sanyi/schema"
)

// figure is one known answer and the question that must give it.
type figure struct {
	id    string // of known_answers.json
	path  string // where in the answer, "" = all of it; parts joined by dots
	shape shape
	sql   string
}

// shape is how rows stand for an answer.
type shape int

const (
	one   shape = iota // one row: its columns are keys of the answer
	keyed              // the first column is a key of the answer, the others its value
	list               // row by row; columns are keys, or places where the answer has lists
)

// realSet is a public data set that an overlay loads without a line of Go.
type realSet struct {
	overlay string
	paths   []string
	slow    bool
	records int64
	figures []figure
	loads   func(t *testing.T, loads []lake.Load)
}

var realSets = []realSet{
	{
		overlay: "sparcs", paths: []string{"inpatient/sparcs2020_musculoskeletal.csv.gz"}, records: 36631,
		figures: []figure{
			{"S1.1", "", one, `SELECT count(*) AS rows, count(DISTINCT org_code) AS hospitals, count(DISTINCT county) AS counties, count(DISTINCT drg_code) AS drg_groups, sum(los_days)::BIGINT AS bed_days,
				sum(total_charges) AS total_charges, sum(total_costs) AS total_costs, sum(is_death::INT)::BIGINT AS deaths, max(los_days) AS max_los FROM sparcs_discharge`},
			{"S1.2", "", one, `SELECT avg(los_days) AS alos, avg(total_costs) AS mean_cost, sum(total_costs)::DOUBLE / sum(los_days) AS cost_per_day, avg(is_death::INT) AS mortality, avg((med_surg = 'Surgical')::INT) AS surgical_share,
				median(total_costs::DOUBLE) AS median_cost, count(*) FILTER (los_days > 30) AS los_gt_30, quantile_cont(los_days, 0.9) AS p90_los FROM sparcs_discharge`},
			{"S1.3", "", list, `SELECT drg_code AS drg, count(*) AS n, avg(los_days) AS alos, avg(total_costs) AS mean_cost FROM sparcs_discharge GROUP BY drg_code ORDER BY n DESC, drg LIMIT 10`},
			{"S1.4", "top5", list, `WITH g AS (SELECT drg_code, avg(total_costs::DOUBLE) AS cost, avg(los_days) AS los FROM sparcs_discharge GROUP BY drg_code),
				a AS (SELECT avg(total_costs::DOUBLE) AS cost FROM sparcs_discharge),
				h AS (SELECT org_code, drg_code, count(*) AS n, avg(total_costs::DOUBLE) AS cost, avg(los_days) AS los FROM sparcs_discharge GROUP BY ALL)
				SELECT h.org_code AS h, sum(h.n)::BIGINT AS n, count(*) AS drg_groups, sum(h.n * g.cost / a.cost) AS total_weight, sum(h.n * g.cost / a.cost) / sum(h.n) AS cmi,
				sum(h.los / g.los * h.n) / sum(h.n) AS time_index, sum(h.cost / g.cost * h.n) / sum(h.n) AS cost_index
				FROM h JOIN g USING (drg_code) CROSS JOIN a GROUP BY h.org_code HAVING sum(h.n) >= 100 ORDER BY cmi DESC LIMIT 5`},
			{"S1.5", "", keyed, `SELECT death_risk, count(*) AS n, sum(is_death::INT)::BIGINT AS deaths, avg(is_death::INT) AS rate FROM sparcs_discharge GROUP BY death_risk`},
			{"S1.6", "payer", keyed, `SELECT payer_1, count(*) AS n FROM sparcs_discharge GROUP BY payer_1`},
		},
		loads: func(t *testing.T, loads []lake.Load) {
			t.Helper()
			nullsAre(t, "S1.7", loads[0])
			columnsAre(t, loads[0], 28)
		},
	},
	{
		overlay: "datasus_sih", paths: []string{"inpatient/datasus_sih_rs2018_500.csv"}, records: 500,
		figures: []figure{
			{"S2.1", "", one, `SELECT count(*) AS rows, sum(total_value) AS total_value, sum(bed_days)::BIGINT AS bed_days, avg(bed_days) AS alos, sum(is_death::INT)::BIGINT AS deaths, count(*) FILTER (icu_days > 0) AS icu_cases,
				sum(icu_days)::BIGINT AS icu_days, count(DISTINCT org_code) AS hospitals, min(admit_date)::VARCHAR AS admit_min, max(admit_date)::VARCHAR AS admit_max, min(discharge_date)::VARCHAR AS discharge_min,
				max(discharge_date)::VARCHAR AS discharge_max, count(*) FILTER (bed_days <> discharge_date - admit_date) AS los_mismatch FROM datasus_aih`},
			{"S2.2", "", list, `SELECT left(diag_code, 3) AS code, count(*) AS n, sum(total_value) AS value, avg(bed_days) AS alos FROM datasus_aih GROUP BY ALL ORDER BY n DESC, code LIMIT 10`},
			{"S2.3", "", keyed, `SELECT strftime(admit_date, '%Y%m') AS month, count(*) AS n FROM datasus_aih GROUP BY ALL`},
			{"S2.4", "", list, `SELECT org_code AS cnes, count(*) AS n, sum(total_value) AS value, avg(is_death::INT) AS mortality FROM datasus_aih GROUP BY ALL ORDER BY n DESC, cnes LIMIT 5`},
			// the contract's own table holds every stay with a bill, and so the same money and deaths
			{"S2.1", "", one, `SELECT sum(total_fee) AS total_value, sum(is_death::INT)::BIGINT AS deaths, max(discharge_date)::VARCHAR AS discharge_max FROM fact_inp_stay`},
		},
		loads: func(t *testing.T, loads []lake.Load) { t.Helper(); columnsAre(t, loads[0], 107) },
	},
	{
		overlay: "nhs_ae", paths: []string{"outpatient_ed/nhs_ae_attendances_2016_2019.csv.gz"}, records: 12765,
		figures: []figure{
			{"S3.1", "", one, `SELECT count(*) AS rows, count(DISTINCT org_code) AS orgs, count(DISTINCT period) AS months, sum(attendances)::BIGINT AS attendances, sum(breaches)::BIGINT AS breaches, sum(admissions)::BIGINT AS admissions,
				count(*) - count(DISTINCT (period, org_code, dept_type)) AS dup_keys FROM nhs_ae_month`},
			{"S3.3", "m2018_12", one, `SELECT sum(attendances)::BIGINT AS attendances, 1 - sum(breaches) / sum(attendances) AS perf, sum(admissions) / sum(attendances) AS admit_rate FROM nhs_ae_month WHERE dept_type = '1' AND period = DATE '2018-12-01'`},
			{"S3.4", "", keyed, `SELECT org_code, sum(attendances)::BIGINT AS n FROM nhs_ae_month GROUP BY ALL ORDER BY n DESC LIMIT 5`},
		},
		loads: func(t *testing.T, loads []lake.Load) {
			t.Helper()
			if loads[0].Date != "2019-03-01" {
				t.Errorf("business date %s, want the last month, 2019-03-01", loads[0].Date)
			}
		},
	},
	{
		overlay: "fda_shortages", paths: []string{"drugs/fda_shortages_snapshots"}, records: 25766,
		figures: func() (out []figure) {
			for _, night := range []string{"20191003", "20200313", "20200917", "20210226", "20210704", "20220103", "20220709", "20230124", "20230629", "20231211", "20240615"} {
				out = append(out,
					figure{"S5.1", night, one, `SELECT count(*) AS rows, count(DISTINCT coalesce(generic_name, '')) AS generics FROM fda_shortage WHERE strftime(snapshot_date, '%Y%m%d') = '` + night + `'`},
					figure{"S5.1", night + ".status", keyed, `SELECT coalesce(status, '') AS status, count(*) AS n FROM fda_shortage WHERE strftime(snapshot_date, '%Y%m%d') = '` + night + `' GROUP BY ALL`})
			}
			return append(out, figure{"S5.2", "top8", list, `SELECT trim(c) AS category, count(*) AS n FROM (SELECT unnest(string_split(therapeutic_category, ';')) AS c FROM fda_shortage WHERE snapshot_date = DATE '2024-06-15')
				WHERE trim(c) <> '' GROUP BY ALL ORDER BY n DESC LIMIT 8`},
				figure{"S5.2", "", one, `SELECT count(DISTINCT coalesce(company_name, '')) AS companies FROM fda_shortage WHERE snapshot_date = DATE '2024-06-15'`})
		}(),
		loads: func(t *testing.T, loads []lake.Load) {
			t.Helper()
			for _, l := range loads {
				columnsAre(t, l, int(number(t, answer(t, "S5.1", strings.ReplaceAll(l.Date, "-", "")+".cols"))))
				if l.Encoding != "windows-1252" {
					t.Errorf("%s: encoding %s", l.File, l.Encoding)
				}
			}
		},
	},
	{
		overlay: "covid19_cn", paths: []string{"infectious/covid19_cn_daily_csv_2019-12_2020-06.tar.xz"}, records: 107621,
		figures: []figure{
			{"S7.1", "", one, `SELECT count(*) AS rows, min(stat_date)::VARCHAR AS first, max(stat_date)::VARCHAR AS last, count(*) FILTER (stat_date <> file_date) AS date_mismatch,
				count(*) - count(DISTINCT (stat_date, country, province, city)) AS dup_keys, count(*) FILTER (country_code = 'CN' AND city <> '-') AS city_rows,
				count(*) FILTER (country_code = 'CN' AND city <> '-' AND city_code IS NULL) AS city_rows_without_code FROM covid19_day`},
			{"S7.2", "month_end", keyed, `SELECT strftime(stat_date, '%Y-%m') AS month, confirmed, dead FROM covid19_day WHERE country_code = 'CN' AND province = '-' AND stat_date = last_day(stat_date)`},
			{"S7.3", "top5", list, `SELECT province_code, province, confirmed FROM covid19_day WHERE country_code = 'CN' AND province <> '-' AND city = '-' AND stat_date = DATE '2020-06-30' ORDER BY confirmed DESC LIMIT 5`},
		},
		loads: func(t *testing.T, loads []lake.Load) {
			t.Helper()
			if n := int(number(t, answer(t, "S7.1", "files"))); len(loads) != n {
				t.Errorf("%d files, want %d", len(loads), n)
			}
			for _, l := range loads {
				if !strings.HasSuffix(l.File, "/"+l.Date+".csv") {
					t.Errorf("file %s has business date %s", l.File, l.Date)
				}
			}
		},
	},
	{
		overlay: "synthea_ca", slow: true, records: 2590 + 173 + 59 + 4362 + 10,
		paths: []string{"claims/synthea_ca/patients.csv.gz", "claims/synthea_ca/organizations.csv.gz", "claims/synthea_ca/encounters.csv.gz", "claims/synthea_ca/claims.csv.gz", "claims/synthea_ca/payers.csv.gz"},
		figures: []figure{
			{"S4.1", "", one, `SELECT count(*) AS rows, count(DISTINCT person_key) AS patients, sum(total) AS total, sum(covered) AS covered, sum(covered)::DOUBLE / sum(total) AS ratio, count(*) FILTER (stop_time < start_time) AS bad_interval,
				count(*) - count(DISTINCT encounter_id) AS dup FROM synthea_encounter`},
			{"S4.1", "", one, `SELECT count(*) AS rows, sum(medfee_sumamt) AS total, sum(fund_pay_sumamt) AS covered FROM fact_settlement`},
			{"S4.2", "", keyed, `SELECT dept_code, count(*) AS n, avg(medfee_sumamt) AS mean FROM fact_settlement GROUP BY ALL`},
			{"S4.3", "", keyed, `SELECT year(start_time)::VARCHAR AS y, count(*) AS n FROM synthea_encounter GROUP BY ALL ORDER BY y DESC LIMIT 10`},
			{"S4.4", "", keyed, `SELECT p.payer_name, count(*) AS n, sum(s.medfee_sumamt) AS total, sum(s.fund_pay_sumamt) AS covered, sum(s.fund_pay_sumamt)::DOUBLE / sum(s.medfee_sumamt) AS ratio
				FROM fact_settlement s JOIN synthea_payer p ON p.payer_code = s.insutype GROUP BY ALL`},
			{"S4.5", "", one, `SELECT (SELECT count(*) FROM synthea_claim) AS claims, (SELECT count(*) FROM synthea_claim c ANTI JOIN synthea_encounter e ON c.encounter_id = e.encounter_id) AS claims_orphan,
				(SELECT count(*) FROM fact_settlement s ANTI JOIN dim_org o ON o.org_code = s.org_code) AS org_orphan, (SELECT count(*) FROM fact_settlement s ANTI JOIN dim_person p ON p.person_key = s.person_key) AS patient_orphan`},
			{"S4.5", "claims_status1", keyed, `SELECT status, count(*) AS n FROM synthea_claim GROUP BY ALL`},
			{"S4.6", "", one, `SELECT count(*) AS n, avg(epoch(stop_time - start_time) / 86400) AS alos, sum(total) AS total FROM synthea_encounter WHERE class = 'inpatient'`},
			{"S4.6", "", one, `SELECT sum(total_fee) AS total FROM fact_inp_stay`},
		},
	},
	{
		overlay: "cn_notifiable", slow: true, records: 2 * 268,
		paths: []string{"infectious/cn_notifiable_monthly-cases.csv", "infectious/cn_notifiable_monthly-deaths.csv"},
		figures: []figure{
			{"S6.1", "", one, `SELECT count(*) AS rows, strftime(min(month_start), '%Y-%m') AS first, strftime(max(month_start), '%Y-%m') AS last FROM cn_notifiable_month WHERE kind = 'cases'`},
			{"S6.2", "手足口病", keyed, `SELECT year(month_start)::VARCHAR AS y, sum(hfmd)::BIGINT AS n, count(hfmd) AS months FROM cn_notifiable_month WHERE kind = 'cases' AND year(month_start) IN (2017, 2018, 2019, 2023, 2024, 2025) GROUP BY ALL`},
			{"S6.2", "流行性感冒", keyed, `SELECT year(month_start)::VARCHAR AS y, sum(influenza)::BIGINT AS n, count(influenza) AS months FROM cn_notifiable_month WHERE kind = 'cases' AND year(month_start) IN (2017, 2018, 2019, 2023, 2024, 2025) GROUP BY ALL`},
			{"S6.4", "cfr2019", one, `SELECT sum(rabies) FILTER (kind = 'deaths') / sum(rabies) FILTER (kind = 'cases') AS "狂犬病", sum(aids) FILTER (kind = 'deaths') / sum(aids) FILTER (kind = 'cases') AS "艾滋病",
				sum(tuberculosis) FILTER (kind = 'deaths') / sum(tuberculosis) FILTER (kind = 'cases') AS "肺结核" FROM cn_notifiable_month WHERE year(month_start) = 2019`},
		},
		loads: func(t *testing.T, loads []lake.Load) {
			t.Helper()
			for _, l := range loads {
				if strings.Contains(l.File, "cases") {
					columnsAre(t, l, int(number(t, answer(t, "S6.1", "cols"))))
					var blank int64
					for _, n := range l.Nulls {
						blank += n
					}
					if want := int64(number(t, answer(t, "S6.1", "blank_cells"))); blank != want {
						t.Errorf("%d blank cells, want %d", blank, want)
					}
				}
			}
		},
	},
	{
		overlay: "fhir_bulk", slow: true, paths: []string{"fhir_hl7/smart_bulk_10/Encounter.000.ndjson.gz", "fhir_hl7/smart_bulk_10/Patient.000.ndjson.gz"}, records: 1215 + 13,
		figures: []figure{
			{"S9.1", "encounter_class", keyed, `SELECT class_code, count(*) AS n FROM fhir_encounter GROUP BY ALL`},
			{"S9.1", "", one, `SELECT count(*) AS orphan FROM fhir_encounter e ANTI JOIN dim_person p ON p.person_key = e.person_key`},
			{"S9.1", "by_year", keyed, `SELECT year(start_date)::VARCHAR AS y, count(*) AS n FROM fhir_encounter GROUP BY ALL ORDER BY y DESC LIMIT 5`},
		},
	},
	{
		overlay: "china_division", paths: []string{"dictionaries/china_division/areas.csv"}, records: 2978,
		figures: []figure{
			{"S8.1", "", one, `SELECT count(*) AS areas, count(*) FILTER (left(area_code, 4) <> city_code) AS prefix_mismatch FROM china_area`},
			{"S8.1", "top3", list, `SELECT province_code, count(*) AS n FROM china_area GROUP BY ALL ORDER BY n DESC LIMIT 3`},
		},
	},
}

// TestRealSetsGiveTheKnownAnswers loads public data in full, by YAML alone, and asks what was computed independently.
func TestRealSetsGiveTheKnownAnswers(t *testing.T) {
	shared := sharedtest.File(t, "data")
	for _, set := range realSets {
		t.Run(set.overlay, func(t *testing.T) {
			if set.slow && testing.Short() {
				t.Skip("skipped: short")
			}
			l, contracts, loads := load(t, shared, set)
			var records int64
			for _, one := range loads {
				if one.Status != lake.Arrived || one.Records != one.Loaded {
					t.Errorf("%s: %s, records %d, loaded %d, quarantined %d %s", one.File, one.Status, one.Records, one.Loaded, one.Quarantined, one.Reason)
				}
				records += one.Records
			}
			if records != set.records {
				t.Errorf("records %d, want %d", records, set.records)
			}
			e, err := duckdb.Open(l, contracts, duckdb.Options{Connections: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			for _, f := range set.figures {
				f.check(t, e, contracts)
			}
			if set.loads != nil && !t.Failed() {
				set.loads(t, loads)
			}
		})
	}
}

func load(t *testing.T, shared string, set realSet) (*lake.Lake, *schema.Set, []lake.Load) {
	t.Helper()
	overlay := os.DirFS(filepath.Join("testdata", "overlays", set.overlay))
	contracts, err := schema.Load(schema.Shipped(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := ingest.LoadSources(contracts, ingest.Shipped(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), filepath.Join(t.TempDir(), "lake"), lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var paths []string
	for _, p := range set.paths {
		paths = append(paths, filepath.Join(shared, filepath.FromSlash(p)))
	}
	res, err := ingest.Run(t.Context(), l, contracts, sources, ingest.Options{}, paths)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Refused {
		t.Errorf("refused: %s: %s", r.File, r.Reason)
	}
	loads, err := l.Loads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l, contracts, loads
}

// check asks one figure and compares it with the known answer.
func (f figure) check(t *testing.T, e engine.Engine, set *schema.Set) {
	t.Helper()
	names, rows := ask(t, e, set, f.sql)
	want := answer(t, f.id, f.path)
	differ := func(place, got string, want any) {
		if why := unequal(got, want); why != "" {
			t.Errorf("%s %s %s: %s", f.id, f.path, place, why)
		}
	}
	switch f.shape {
	case one:
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows, want 1", f.id, len(rows))
		}
		for i, name := range names {
			differ(name, rows[0][i], key(t, want, name))
		}
	case keyed:
		if n := size(want); f.id != "S4.4" && len(rows) != n {
			t.Errorf("%s %s: %d rows, want %d", f.id, f.path, len(rows), n)
		}
		for _, row := range rows {
			value := key(t, want, row[0])
			for i := 1; i < len(names); i++ {
				switch v := value.(type) {
				case map[string]any:
					differ(row[0]+"."+names[i], row[i], v[names[i]])
				case []any:
					differ(row[0], row[i], v[i-1])
				default:
					differ(row[0], row[i], v)
				}
			}
		}
	case list:
		items, _ := want.([]any)
		if len(rows) != len(items) {
			t.Fatalf("%s %s: %d rows, want %d", f.id, f.path, len(rows), len(items))
		}
		for r, row := range rows {
			for i, name := range names {
				if m, ok := items[r].(map[string]any); ok {
					differ(fmt.Sprintf("%d.%s", r, name), row[i], m[name])
				} else {
					differ(fmt.Sprintf("%d.%d", r, i), row[i], items[r].([]any)[i])
				}
			}
		}
	}
}

// ask runs a query over the lake's tables and gives its cells as text.
func ask(t *testing.T, e engine.Engine, set *schema.Set, query string) (names []string, rows [][]string) {
	t.Helper()
	tables, err := duckdb.Gate(t.Context(), query, func(name string) bool { _, ok := set.Table(name); return ok })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	s := engine.Statement{SQL: query}
	for _, name := range tables {
		s.Uses = append(s.Uses, engine.Use{Table: name})
	}
	res, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for _, f := range res.Schema.Fields() {
		names = append(names, f.Name)
	}
	for _, b := range res.Batches {
		for r := range int(b.NumRows()) {
			row := make([]string, b.NumCols())
			for c := range row {
				row[c] = strings.Clone(b.Column(c).ValueStr(r))
			}
			rows = append(rows, row)
		}
		b.Release()
	}
	return names, rows
}

var answers map[string]any

// answer is a known answer, or a part of it.
func answer(t *testing.T, id, path string) any {
	t.Helper()
	if answers == nil {
		text, err := os.ReadFile(sharedtest.File(t, "data", "known_answers.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all struct {
			Answers []struct {
				ID     string `json:"id"`
				Answer any    `json:"answer"`
			} `json:"answers"`
		}
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			t.Fatal(err)
		}
		answers = map[string]any{}
		for _, a := range all.Answers {
			answers[a.ID] = a.Answer
		}
	}
	v, ok := answers[id]
	if !ok {
		t.Fatalf("no known answer %s", id)
	}
	if path != "" {
		for part := range strings.SplitSeq(path, ".") {
			v = key(t, v, part)
		}
	}
	return v
}

func key(t *testing.T, v any, name string) any {
	t.Helper()
	m, _ := v.(map[string]any)
	out, ok := m[name]
	if !ok {
		t.Fatalf("the known answer has no %q", name)
	}
	return out
}

func size(v any) int {
	m, _ := v.(map[string]any)
	return len(m)
}

func number(t *testing.T, v any) float64 {
	t.Helper()
	n, _ := v.(json.Number)
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// unequal compares a cell with an answer: numbers within half of the last digit that the answer has.
func unequal(got string, want any) string {
	n, ok := want.(json.Number)
	if !ok {
		if got != fmt.Sprint(want) {
			return fmt.Sprintf("got %s, want %v", got, want)
		}
		return ""
	}
	w, _ := n.Float64()
	g, err := strconv.ParseFloat(got, 64)
	digits := 0
	if _, after, ok := strings.Cut(n.String(), "."); ok {
		digits = len(after)
	}
	if err != nil || math.Abs(g-w) > 0.51*math.Pow10(-digits)+1e-9*math.Abs(w) {
		return fmt.Sprintf("got %s, want %s", got, n)
	}
	return ""
}

func columnsAre(t *testing.T, l lake.Load, want int) {
	t.Helper()
	if len(l.Columns) != want {
		t.Errorf("%s: %d columns, want %d", l.File, len(l.Columns), want)
	}
}

// nullsAre compares the nulls of a file with an answer that lists the columns that have any.
func nullsAre(t *testing.T, id string, l lake.Load) {
	t.Helper()
	want, _ := answer(t, id, "").(map[string]any)
	for column, n := range l.Nulls {
		if why := unequal(strconv.FormatInt(n, 10), either(want[column], json.Number("0"))); why != "" {
			t.Errorf("nulls of %s: %s", column, why)
		}
	}
	for column := range want {
		if _, ok := l.Nulls[column]; !ok {
			t.Errorf("no nulls of %s in the ledger", column)
		}
	}
}

func either(v, other any) any {
	if v == nil {
		return other
	}
	return v
}

// TestOverlaysLoad keeps the overlays true where the data is not at hand.
func TestOverlaysLoad(t *testing.T) {
	entries, err := fs.ReadDir(os.DirFS("testdata"), "overlays")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		overlay := os.DirFS(filepath.Join("testdata", "overlays", e.Name()))
		set, err := schema.Load(schema.Shipped(), overlay)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := ingest.LoadSources(set, ingest.Shipped(), overlay); err != nil {
			t.Error(err)
		}
	}
}
