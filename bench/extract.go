package bench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// stayColumns are the 40 columns of the inpatient extract, under their contract names, so that the same file can be
// loaded by `ingest --table` and read by a plain read_csv.
var stayColumns = []struct{ name, duckdb string }{
	{"stay_id", "VARCHAR"},
	{"org_code", "VARCHAR"},
	{"person_key", "VARCHAR"},
	{"admit_time", "TIMESTAMP"},
	{"discharge_time", "TIMESTAMP"},
	{"discharge_date", "DATE"},
	{"los_days", "INTEGER"},
	{"admit_dept", "VARCHAR"},
	{"discharge_dept", "VARCHAR"},
	{"attending_id", "VARCHAR"},
	{"admit_route", "VARCHAR"},
	{"discharge_way", "VARCHAR"},
	{"plan_readmit31", "BOOLEAN"},
	{"is_day_surgery", "BOOLEAN"},
	{"pay_method", "VARCHAR"},
	{"insutype", "VARCHAR"},
	{"insu_region_code", "VARCHAR"},
	{"region_residence", "VARCHAR"},
	{"age_years", "INTEGER"},
	{"sex_code", "VARCHAR"},
	{"primary_diag_code", "VARCHAR"},
	{"primary_diag_cond", "VARCHAR"},
	{"main_proc_code", "VARCHAR"},
	{"main_surg_level", "INTEGER"},
	{"is_surgery", "BOOLEAN"},
	{"is_mini_invasive", "BOOLEAN"},
	{"is_level4", "BOOLEAN"},
	{"has_complication", "BOOLEAN"},
	{"is_death", "BOOLEAN"},
	{"is_low_risk_drg", "BOOLEAN"},
	{"drg_code", "VARCHAR"},
	{"drg_weight", "DECIMAL(8,4)"},
	{"is_grouped", "BOOLEAN"},
	{"total_fee", "DECIMAL(16,2)"},
	{"west_drug_fee", "DECIMAL(16,2)"},
	{"tcm_patent_fee", "DECIMAL(16,2)"},
	{"tcm_herb_fee", "DECIMAL(16,2)"},
	{"material_fee", "DECIMAL(16,2)"},
	{"nursing_fee", "DECIMAL(16,2)"},
	{"surgery_fee", "DECIMAL(16,2)"},
}

// visitColumns are the columns of the outpatient extract.
var visitColumns = []string{
	"visit_id", "org_code", "dept_code", "person_key", "visit_date", "reg_time", "visit_type", "is_emergency", "status", "appt_id",
	"age_years", "sex_code", "total_fee", "drug_fee", "material_fee",
}

const (
	extractOrgs = 60
	extractDays = 365
)

var firstDay = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// writeStays writes rows inpatient records over one year and 60 organisations in the order of their discharge, as
// nightly extracts come. The same seed gives the same bytes.
func writeStays(w io.Writer, rows int, seed uint64) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var names []string
	for _, c := range stayColumns {
		names = append(names, c.name)
	}
	fmt.Fprintln(out, strings.Join(names, ",")) // Flush tells of a write that failed
	rng := rand.New(rand.NewPCG(seed, 40))
	for i := range rows {
		discharge := firstDay.AddDate(0, 0, i*extractDays/rows).Add(time.Duration(8*3600+rng.IntN(10*3600)) * time.Second)
		los := 1 + int(math.Min(90, rng.ExpFloat64()*7))
		admit := discharge.AddDate(0, 0, -los).Add(time.Duration(rng.IntN(3600)) * time.Second)
		surgery := rng.IntN(100) < 32
		level, proc := "", ""
		if surgery {
			level, proc = strconv.Itoa(1+rng.IntN(4)), fmt.Sprintf("%02d.%02d00", rng.IntN(86), rng.IntN(99))
		}
		fee := int(math.Exp(8.9+rng.NormFloat64()*0.9) * 100)
		part := func(share float64) string { return money(int(float64(fee) * share * rng.Float64())) }
		way := "1"
		if rng.IntN(100) < 4 {
			way = []string{"4", "2", "5"}[rng.IntN(3)]
		}
		fmt.Fprintf(out, "S%09d,H%03d,%06d19%02d%02d%02d%04d,%s,%s,%s,%d,D%02d,D%02d,P%04d,%d,%s,%t,false,01,%s,34%02d00,3401%02d,%d,%d,%c%02d.%d00,1,%s,%s,%t,%t,%t,%t,%t,%t,%c%c%d%d,%d.%04d,true,%s,%s,%s,%s,%s,%s,%s\n",
			i, rng.IntN(extractOrgs), 990000+rng.IntN(9999), 30+rng.IntN(69), 1+rng.IntN(12), 1+rng.IntN(28), rng.IntN(9999),
			admit.Format(time.DateTime), discharge.Format(time.DateTime), discharge.Format(time.DateOnly), los, rng.IntN(40), rng.IntN(40), rng.IntN(3000),
			1+rng.IntN(3), way, rng.IntN(100) < 3, []string{"310", "390"}[rng.IntN(2)], rng.IntN(17), rng.IntN(25), rng.IntN(95), 1+rng.IntN(2),
			'A'+rune(rng.IntN(26)), rng.IntN(100), rng.IntN(9), proc, level, surgery, surgery && rng.IntN(3) == 0, level == "4", rng.IntN(50) == 0, way == "5",
			rng.IntN(5) == 0, 'A'+rune(rng.IntN(26)), 'A'+rune(rng.IntN(26)), 1+rng.IntN(9), 1+rng.IntN(5), rng.IntN(4), rng.IntN(9999),
			money(fee), part(0.3), part(0.05), part(0.05), part(0.3), part(0.03), part(0.2))
	}
	return out.Flush()
}

// writeVisits writes rows outpatient records over one year.
func writeVisits(w io.Writer, rows int, seed uint64) error {
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintln(out, strings.Join(visitColumns, ","))
	rng := rand.New(rand.NewPCG(seed, 41))
	for i := range rows {
		at := firstDay.AddDate(0, 0, i*extractDays/rows).Add(time.Duration(7*3600+rng.IntN(11*3600)) * time.Second)
		status, appt := "DONE", ""
		if rng.IntN(100) < 6 {
			status = "CANCEL"
		}
		if rng.IntN(100) < 60 {
			appt = "A" + strconv.Itoa(i)
		}
		fee := int(math.Exp(5.2+rng.NormFloat64()*0.8) * 100)
		fmt.Fprintf(out, "V%09d,H%03d,D%02d,%06d19%02d%02d%02d%04d,%s,%s,%s,%t,%s,%s,%d,%d,%s,%s,%s\n",
			i, rng.IntN(extractOrgs), rng.IntN(40), 990000+rng.IntN(9999), 30+rng.IntN(69), 1+rng.IntN(12), 1+rng.IntN(28), rng.IntN(9999),
			at.Format(time.DateOnly), at.Format(time.DateTime), []string{"GEN", "EXP", "NET"}[rng.IntN(3)], rng.IntN(10) == 0, status, appt,
			rng.IntN(95), 1+rng.IntN(2), money(fee), money(fee*rng.IntN(60)/100), money(fee*rng.IntN(20)/100))
	}
	return out.Flush()
}

// money writes fen as yuan.
func money(fen int) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }
