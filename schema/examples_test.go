package schema_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// broken evaluates a table's checks on one row (column → value as text, what is absent is null) and names those that
// the row breaks, with their severity.
func broken(t *testing.T, db *sql.DB, d *expr.Dialect, table *schema.Table, row map[string]any) map[string]string {
	t.Helper()
	var columns, checks []string
	var args []any
	for _, c := range table.Columns {
		v, ok := row[c.Name]
		if !ok || v == nil {
			columns = append(columns, "CAST(NULL AS "+c.Type.SQL()+") AS "+d.Ident(c.Name))
			continue
		}
		args = append(args, fmt.Sprint(v))
		columns = append(columns, fmt.Sprintf("CAST($%d AS %s) AS %s", len(args), c.Type.SQL(), d.Ident(c.Name)))
	}
	all := table.AllChecks()
	if len(all) == 0 {
		return nil
	}
	for _, c := range all {
		text, err := d.Print(c.Parsed, &expr.Params{Inline: true, Today: "2025-12-31", Columns: table.Resolver()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, "coalesce("+text+", TRUE)")
	}
	good := make([]bool, len(all))
	into := make([]any, len(all))
	for i := range good {
		into[i] = &good[i]
	}
	query := "WITH r AS (SELECT " + strings.Join(columns, ", ") + ") SELECT " + strings.Join(checks, ", ") + " FROM r"
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(into...); err != nil {
		t.Fatalf("%s: %v", table.Name, err)
	}
	out := map[string]string{}
	for i, ok := range good {
		if !ok {
			out[all[i].ID] = all[i].Severity
		}
	}
	return out
}

func TestRowsKeepOrBreakTheirChecks(t *testing.T) {
	db, d := duck(t)
	set := load(t)
	type row = map[string]any
	stay := row{
		"stay_id": "A1", "org_code": "123456789", "admit_time": "2025-01-02 10:00:00", "discharge_time": "2025-01-06 10:00:00", "discharge_date": "2025-01-06",
		"los_days": 4, "discharge_way": "1", "is_death": false, "is_grouped": true, "is_surgery": false, "is_level4": false, "age_years": 60, "total_fee": "1000.00",
		"sex_code": "1", "primary_diag_code": "I10.x00",
	}
	bill := row{
		"medfee_sumamt": "100.00", "fund_pay_sumamt": "70.00", "psn_part_amt": "30.00", "inscp_scp_amt": "90.00", "hifp_pay": "70.00", "acct_pay": "10.00", "psn_cash_pay": "20.00",
		"cross_type": "LOC", "is_refund": false, "setl_time": "2025-03-03 09:00:00", "setl_date": "2025-03-03", "med_type": "21", "insutype": "310", "pay_mode": "DRG",
		"insu_region_code": "340100", "mdtrt_region_code": "340100",
	}
	with := func(base, changes row) row {
		out := maps.Clone(base)
		maps.Copy(out, changes)
		return out
	}
	for _, c := range []struct {
		name, table string
		row         row
		want        string // check=severity, sorted
	}{
		{"a stay", "fact_inp_stay", stay, ""},
		{"a stay of a day counts 1", "fact_inp_stay", with(stay, row{"discharge_time": "2025-01-02 20:00:00", "discharge_date": "2025-01-02", "los_days": 1}), ""},
		{"days that the dates do not give are a warning", "fact_inp_stay", with(stay, row{"los_days": 1}), "los_days_dates=warning"},
		{"out before in", "fact_inp_stay", with(stay, row{"admit_time": "2025-01-06 11:00:00", "los_days": 1}), "admit_time_order=error"},
		{"dead, but sent home", "fact_inp_stay", with(stay, row{"is_death": true}), "is_death_way=error"},
		{"items above the total", "fact_inp_stay", with(stay, row{"west_drug_fee": "1000.02"}), "total_fee_sum=error"},
		{"a man giving birth is a warning", "fact_inp_stay", with(stay, row{"primary_diag_code": "O80.000"}), "sex_diagnosis=warning"},
		{"an unknown way out", "fact_inp_stay", with(stay, row{"discharge_way": "7"}), "discharge_way_code=error"},
		{"a settlement", "fact_settlement", bill, ""},
		{"a refund is the same with minus", "fact_settlement", with(bill, row{
			"medfee_sumamt": "-100.00", "fund_pay_sumamt": "-70.00", "psn_part_amt": "-30.00", "inscp_scp_amt": "-90.00", "hifp_pay": "-70.00", "acct_pay": "-10.00",
			"psn_cash_pay": "-20.00", "is_refund": true,
		}), ""},
		{"a fen of rounding", "fact_settlement", with(bill, row{"psn_part_amt": "30.01"}), ""},
		{"two fen too many", "fact_settlement", with(bill, row{"psn_part_amt": "30.02"}), "medfee_parts=error"},
		{"fund parts that do not add up", "fact_settlement", with(bill, row{"hifp_pay": "60.00"}), "fund_parts=error"},
		{"a rejection without a reason is a warning", "fact_mutual", row{"decision": "REJECT", "saved_fee": nil}, "reason_code_required=warning"},
		{"a visit refunded", "fact_outp_visit", row{"total_fee": "-80.00", "drug_fee": "-50.00", "status": "CANCEL", "visit_type": "GEN"}, "total_fee_sign=warning"},
		{"drugs dearer than the visit", "fact_outp_visit", row{"total_fee": "80.00", "drug_fee": "90.00"}, "total_fee_sum=error"},
		{"a visit of tomorrow", "fact_outp_visit", row{"visit_date": "2026-01-01"}, "visit_date_future=error"},
		{"a return of drugs", "fact_dispense", row{"qty": "-2", "amount": "-10.00"}, ""},
		{"nothing dispensed", "fact_dispense", row{"qty": "0"}, "qty_zero=error"},
		{"an infant without days is a warning", "fact_inp_stay", with(stay, row{"age_years": 0}), "age_days_required=warning"},
		{"stock below nothing", "fact_stock_day", row{"qty": "-1"}, "qty_low=error"},
	} {
		table, _ := set.Table(c.table)
		var found []string
		for id, severity := range broken(t, db, d, table, c.row) {
			found = append(found, id+"="+severity)
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNoWorkedExampleBreaksAnErrorItShouldNot(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred statements")
	}
	raw, err := os.ReadFile(sharedtest.File(t, "domain", "indicator_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	db, d := duck(t)
	set := load(t)
	rows := 0
	for _, part := range file {
		var examples []struct {
			ID     string
			Tables map[string][]map[string]any
		}
		if json.Unmarshal(part, &examples) != nil {
			continue // the page's own words
		}
		for _, example := range examples {
			for name, list := range example.Tables {
				table, ok := set.Table(name)
				if !ok {
					t.Errorf("%s: no table %s", example.ID, name)
					continue
				}
				for _, row := range list {
					rows++
					for id, severity := range broken(t, db, d, table, row) {
						if severity == schema.Error {
							t.Errorf("%s: a row of %s breaks %s", example.ID, name, id)
						}
					}
				}
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows were looked at", rows)
	}
}
