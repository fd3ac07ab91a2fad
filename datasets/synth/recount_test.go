package synth

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// TestFilesReadBackPlainlyGiveTheTruth reads every file back with nothing of the generator but its file names, judges
// each record by rules written down again here, and compares counts and figures with truth.json.
func TestFilesReadBackPlainlyGiveTheTruth(t *testing.T) {
	for _, o := range []Options{{Seed: 11}, {Seed: 12, Size: County, Nights: 4}} {
		dir := t.TempDir() + "/region"
		truth := write(t, dir, o)
		c := &recount{values: map[string]float64{}, people: map[string]map[string]bool{"visited": {}, "stayed": {}, "settled": {}}}
		files := unpack(t, dir)
		slices.SortStableFunc(files, func(a, b unpacked) int { return strings.Compare(a.name[:4], b.name[:4]) }) // dict_ before yf_
		for _, f := range files {
			c.file(t, f.name, f.text)
		}
		if len(files) != truth.Files {
			t.Errorf("seed %d: %d files, truth says %d", o.Seed, len(files), truth.Files)
		}
		for what, pair := range map[string][2]int{
			"read": {c.read, truth.Records.Read}, "quarantined": {c.bad, truth.Records.Quarantined}, "duplicate": {c.repeated, truth.Records.Duplicate},
		} {
			if pair[0] != pair[1] {
				t.Errorf("seed %d: %d records %s, truth says %d", o.Seed, pair[0], what, pair[1])
			}
		}
		v := c.values
		for _, want := range []struct {
			id, dim, value string
			got            float64
		}{
			{"H001", "", "", v["visits"]},
			{"H003", "", "", v["emergencies"]},
			{"H026", "", "", v["visit fee"] / v["visits"]},
			{"H029", "", "", 100 * v["visit drug fee"] / v["visit fee"]},
			{"H001", "org_code", "H99010100001", v["visits H99010100001"]},
			{"P083", "", "", 100 * v["centre visits"] / v["visits"]},
			{"H046", "", "", v["stays"]},
			{"H052", "", "", v["days"] / v["stays"]},
			{"H091", "", "", v["stay fee"] / v["stays"]},
			{"H055", "", "", 100 * v["operated"] / v["stays"]},
			{"H050", "", "", 100 * v["occupied"] / v["open"]},
			{"I001", "", "", v["settlements"]},
			{"I007", "", "", v["fund"]},
			{"I036", "", "", 100 * v["away inpatient"] / v["inpatient"]},
			{"D062", "", "", 100 * v["out"] / v["must"]},
			{"D067", "", "", v["shortages"]},
			{"D074", "", "", 100 * v["scanned"] / v["to scan"]},
			{"D006", "", "", 100 * v["winner"] / v["vbp"]},
		} {
			if w := figure(truth, want.id, "2025-06", want.dim, want.value); !(math.Abs(w-want.got) <= 1e-6*math.Max(1, math.Abs(w))) { // NaN is no answer either
				t.Errorf("seed %d: %s %s: read back %v, truth says %v", o.Seed, want.id, want.value, want.got, w)
			}
		}
		for who, set := range c.people {
			if len(set) != truth.Persons[who] {
				t.Errorf("seed %d: %d people %s, truth says %d", o.Seed, len(set), who, truth.Persons[who])
			}
		}
		n := 0
		for id := range c.people["visited"] {
			if c.people["settled"][id] && c.people["stayed"][id] {
				n++
			}
		}
		if n != truth.Persons["visited_stayed_and_settled"] || n == 0 {
			t.Errorf("seed %d: %d people in all three, truth says %d", o.Seed, n, truth.Persons["visited_stayed_and_settled"])
		}
	}
}

func figure(truth *Truth, id, period, dim, value string) float64 {
	for _, f := range truth.Figures {
		if f.Indicator != id || f.Period != period || len(f.By) > 0 != (dim != "") || dim != "" && f.By[0] != dim {
			continue
		}
		for _, r := range f.Rows {
			if dim == "" || r[dim] == value {
				return r["value"].(float64)
			}
		}
	}
	return math.NaN()
}

type unpacked struct {
	name string
	text []byte
}

// unpack reads a folder, its zips and its gz files.
func unpack(t *testing.T, dir string) (out []unpacked) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == TruthFile || d.Name()[0] == '.' {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, ".zip") {
			out = append(out, plainFile(t, d.Name(), text))
			return nil
		}
		z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return err
		}
		for _, m := range z.File {
			r, err := m.Open()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			out = append(out, plainFile(t, m.Name, text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func plainFile(t *testing.T, name string, text []byte) unpacked {
	t.Helper()
	if short, ok := strings.CutSuffix(name, ".gz"); ok {
		r, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		name = short
	}
	if strings.HasPrefix(name, "hqms_") || strings.HasPrefix(name, "MZGH_") || strings.HasPrefix(name, "yp_purchase_") {
		plain, err := simplifiedchinese.GB18030.NewDecoder().Bytes(text)
		if err != nil || utf8.Valid(text) && strings.HasPrefix(name, "MZGH_") {
			t.Fatalf("%s is not GB18030: %v", name, err)
		}
		text = plain
	}
	if !utf8.Valid(text) || bytes.ContainsRune(text, utf8.RuneError) {
		t.Fatalf("%s: characters lost", name)
	}
	return unpacked{name, bytes.TrimPrefix(text, []byte("\uFEFF"))}
}

// recount is the second, plain way to the figures.
type recount struct {
	read, bad, repeated int
	values              map[string]float64
	people              map[string]map[string]bool
	drugs               map[string][2]bool // VBP, winner
}

func (c *recount) file(t *testing.T, name string, text []byte) {
	t.Helper()
	switch {
	case strings.HasSuffix(name, ".json"):
		var doc struct {
			Output struct {
				Data []struct {
					Setlinfo map[string]string `json:"setlinfo"`
				} `json:"data"`
			} `json:"output"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range doc.Output.Data {
			c.read++
			c.settlement(r.Setlinfo)
		}
	case strings.HasSuffix(name, ".ndjson"):
		seen := map[string]bool{}
		for l := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
			c.read++
			if seen[l] {
				c.repeated++
				continue
			}
			seen[l] = true
			var v cloudLine
			if err := json.Unmarshal([]byte(l), &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			c.visit(map[string]string{
				"dept": v.DeptCode, "registered": v.RegTime, "seen": v.SeenTime, "status": v.Status, "fee": v.Fees["Total"].String(), "drug": v.Fees["Drug"].String(), "org": v.OrgCode, "id": v.CertNo, "card": v.CardNo,
				"er": yes(v.Type == "ER", "1", "0"),
			}, true)
		}
	default:
		c.csv(t, name, text)
	}
}

type cloudLine struct {
	DeptCode, OrgCode, RegTime, SeenTime, Status, CertNo, CardNo, Type string
	Fees                                                               map[string]json.Number
}

func (c *recount) csv(t *testing.T, name string, text []byte) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		c.read++
		whole := strings.Join(row, "\x01")
		if len(row) != len(rows[0]) || strings.Contains(whole, "\x00") {
			c.bad++
			continue
		}
		if seen[whole] {
			c.repeated++
			continue
		}
		seen[whole] = true
		f := map[string]string{}
		for i, h := range rows[0] {
			v := strings.TrimSpace(row[i])
			if v == "-" || v == "—" {
				v = ""
			}
			f[strings.TrimSpace(h)] = v
		}
		c.row(name, f)
	}
}

func (c *recount) row(name string, f map[string]string) {
	ok := true
	switch kind, _, _ := strings.Cut(name, "_H"); {
	case kind == "hqms":
		ok = f["A48"] != "" && moment(f["B12"]) && moment(f["B15"]) && f["B12"] <= f["B15"] && money(f["D01"]) && slices.Contains([]string{"1", "2", "3", "4", "5", "9"}, f["B34C"])
		if ok {
			c.add("stays", 1)
			c.add("days", number(f["B20"]))
			c.add("stay fee", number(f["D01"]))
			if f["C17x01"] != "" {
				c.add("operated", 1)
			}
			if f["A20"] != "" {
				c.people["stayed"][f["A20"]] = true
			}
		}
	case kind == "outp":
		c.visit(map[string]string{
			"dept": f["科室代码"], "registered": f["挂号时间"], "seen": f["接诊时间"], "status": f["状态"], "fee": f["总费用"], "drug": f["药费"], "org": f["机构代码"], "id": f["证件号码"], "card": f["就诊卡号"], "er": f["急诊标志"],
		}, false)
	case kind == "MZGH":
		c.visit(map[string]string{
			"dept": f["KSDM"], "registered": spaced(f["GHSJ"]), "seen": spaced(f["JZSJ"]), "status": map[string]string{"已就诊": "DONE", "已退号": "CANCEL", "已挂号": "REG"}[f["ZT"]], "fee": f["ZFY"], "drug": f["YF"],
			"org": f["JGDM"], "id": f["SFZH"], "card": f["KH"], "er": yes(f["SFJZ"] == "是", "1", "0"),
		}, false)
	case kind == "bedday":
		c.add("open", number(f["beds_open"]))
		c.add("occupied", number(f["beds_occupied"]))
	case kind == "yf_dispense":
		ok = f["国家药品代码"] != "" && moment(f["发药时间"]) && money(f["金额"]) && f["场景"] != "Q"
		if ok && f["结算编号"] != "" {
			c.add("scanned", number(f["已扫追溯码数"]))
			c.add("to scan", number(f["应扫追溯码数"]))
		}
		if d := c.drugs[f["国家药品代码"]]; ok && d[0] {
			c.add("vbp", number(f["数量"]))
			if d[1] {
				c.add("winner", number(f["数量"]))
			}
		}
	case strings.HasPrefix(name, "dict_drug"):
		if c.drugs == nil {
			c.drugs = map[string][2]bool{}
		}
		c.drugs[f["drug_code"]] = [2]bool{f["is_vbp"] == "true", f["is_vbp_winner"] == "true"}
	case strings.HasPrefix(name, "yp_stock"):
		ok = f["drug_code"] != "" && moment(f["stat_date"]) && money(f["amount"])
		if ok && f["is_must_stock"] == "true" {
			c.add("must", 1)
			if f["is_stockout"] == "true" {
				c.add("out", 1)
			}
		}
	case strings.HasPrefix(name, "yp_purchase"):
		ok = f["org_code"] != "" && moment(f["order_date"]) && money(f["amount"])
	case strings.HasPrefix(name, "yp_shortage"):
		c.add("shortages", 1)
	}
	if !ok {
		c.bad++
	}
}

func (c *recount) visit(v map[string]string, centre bool) {
	known := v["status"] == "DONE" || v["status"] == "CANCEL" || v["status"] == "REG"
	fee := v["fee"]
	if !known || v["dept"] == "" || !moment(v["registered"]) || !money(fee) || v["seen"] != "" && v["seen"] < v["registered"] {
		c.bad++
		return
	}
	if v["status"] != "DONE" {
		return
	}
	c.add("visits", 1)
	c.add("visits "+v["org"], 1)
	if centre {
		c.add("centre visits", 1)
	}
	if v["er"] == "1" {
		c.add("emergencies", 1)
	}
	c.add("visit fee", number(fee))
	c.add("visit drug fee", number(v["drug"]))
	id := strings.ToUpper(v["id"])
	if len(id) == 15 {
		id = id[:6] + "19" + id[6:]
		id += checkDigit(id)
	}
	if id == "" {
		id = v["org"] + v["card"]
	}
	c.people["visited"][id] = true
}

func (c *recount) settlement(f map[string]string) {
	total, fund, person := number(f["medfee_sumamt"]), number(f["fund_pay_sumamt"]), number(f["psn_part_amt"])
	if f["setl_id"] == "" || !moment(f["setl_time"]) || !money(f["medfee_sumamt"]) || f["med_type"] == "Q7" || math.Abs(total-fund-person) > 0.015 {
		c.bad++
		return
	}
	n := 1.0
	if total < 0 {
		n = -1
	}
	c.people["settled"][f["certno"]] = true
	c.add("settlements", n)
	c.add("fund", fund)
	if f["med_type"] == "21" {
		c.add("inpatient", n)
		if f["fixmedins_code"][1:5] != f["insuplc"][:4] {
			c.add("away inpatient", n)
		}
	}
}

func (c *recount) add(what string, v float64) { c.values[what] += v }

func number(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}

var twoDecimals = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,2})?$`)

func money(s string) bool { return twoDecimals.MatchString(s) }

func moment(s string) bool {
	s = strings.Replace(s, "  ", " ", 1)
	_, err := time.Parse("2006-01-02 15:04:05", s)
	_, err2 := time.Parse("2006-01-02", s)
	return err == nil || err2 == nil
}

// spaced gives a time without separators its separators.
func spaced(s string) string {
	if len(s) != 14 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:8] + " " + s[8:10] + ":" + s[10:12] + ":" + s[12:]
}
