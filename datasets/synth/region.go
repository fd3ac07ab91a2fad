package synth

import (
	"embed"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

//go:embed data/*.csv
var data embed.FS

// Codes of the region of nobody. 99 and 98 are not province codes of GB/T 2260.
const (
	province = "990000"
	pool     = "990100" // the insurance pool, and the prefecture that has it
	nearPool = "990200" // another pool of the same province
	farPool  = "980100" // a pool of another province
)

// region is the cast of the play: places, organisations, departments, diseases, drugs and (by arithmetic) people.
type region struct {
	scale
	counties   []place
	townships  []place
	hospitals  []*org
	centres    []*org
	outside    []*org
	bureau     *org // the insurance bureau, which delivers settlements
	platform   *org // the drug platform: purchases, stocks, shortages
	commission *org // the health commission: dictionaries
	depts      []dept
	diseases   []disease
	complaints map[string][]code // by department
	drugs      []drug
}

type place struct {
	code, name, parent string
	level              int
	people             int
}

type code struct{ code, name string }

type dept struct {
	code, name string
	hospital   bool
	centre     bool
	visits     float64
	fee        float64
	beds       float64
	icu        bool
}

type disease struct {
	code, name, dept        string
	weight                  float64
	sex                     string
	ageLo, ageHi            int
	cost, sigma, los, death float64
	season                  string
	proc, procName, level   string
	mini                    bool
	incision                string // class 1, 2, 3 or "" where there is no cut
	procShare, dayShare     float64
}

type drug struct {
	code, generic, atc, form, spec, unit string
	strength, ddd                        float64
	strengthText, dddText                string
	abx                                  string
	flags, insu                          string
	price                                float64 // yuan a unit
	ip, op                               float64 // how often it is dispensed in wards and to outpatients
}

func (d drug) is(flag string) bool { return strings.Contains(d.flags, flag) }

type org struct {
	code, name, kind, level, grade, ownership string
	region                                    string // county, or township of a centre
	primary, connected                        bool
	size                                      float64 // of its kind's average
	beds                                      int
	county                                    int // index of its county
	index                                     int
	depts                                     []int // indices into region.depts
	visitCum                                  []float64
}

func newRegion(sc scale) (*region, error) {
	r := &region{scale: sc, complaints: map[string][]code{}}
	if err := r.readCatalogues(); err != nil {
		return nil, err
	}
	for i := range sc.counties {
		p := place{code: fmt.Sprintf("9901%02d", i+1), name: countyNames[i%len(countyNames)] + "县", parent: pool, level: 3, people: sc.people / sc.counties}
		r.counties = append(r.counties, p)
	}
	served := min(sc.counties, max(1, sc.counties-1)) // the last county of a small region has insured people, but no hospital
	if sc.size == City {
		served = sc.counties
	}
	for i := range sc.hospitals {
		c := i % served
		o := &org{
			code: fmt.Sprintf("H%s%05d", r.counties[c].code, i+1), kind: "HOSP", level: "2", grade: "甲", ownership: "PUB",
			region: r.counties[c].code, connected: true, county: c, index: i, size: 0.55,
			name: r.counties[c].name + "人民医院",
		}
		switch {
		case i%3 == 1:
			o.ownership, o.level, o.name, o.size, o.grade = "PRI", "2", r.counties[c].name+"仁和医院", 0.6, "乙"
		case i%3 == 2:
			o.kind, o.name, o.size = "TCMH", r.counties[c].name+"中医医院", 0.8
		case i < served:
			o.level, o.size = "3", 1.6
		}
		if i >= 3*served {
			o.name += "第" + strconv.Itoa(i/(3*served)+1) + "院区"
		}
		for d, dp := range r.depts {
			if dp.hospital {
				o.depts = append(o.depts, d)
			}
		}
		o.beds = int(math.Round(sc.admissions * o.size * 10.5))
		r.hospitals = append(r.hospitals, o)
	}
	for i := range sc.centres {
		c := i % served
		town := place{code: fmt.Sprintf("%s%03d", r.counties[c].code, i/served+1), name: townNames[i%len(townNames)] + "镇", parent: r.counties[c].code, level: 4, people: sc.people / sc.counties / max(1, sc.centres/served)}
		r.townships = append(r.townships, town)
		o := &org{
			code: fmt.Sprintf("H%s9%04d", r.counties[c].code, i+1), kind: "THC", level: "1", grade: "甲", ownership: "PUB",
			region: town.code, primary: true, connected: true, county: c, index: i, size: 0.6 + 0.1*float64(i%9),
			name: town.name + "卫生院",
		}
		for d, dp := range r.depts {
			if dp.centre {
				o.depts = append(o.depts, d)
			}
		}
		r.centres = append(r.centres, o)
	}
	for i, at := range []string{nearPool, farPool, farPool} {
		r.outside = append(r.outside, &org{
			code: fmt.Sprintf("H%s%05d", at[:4]+"01", i+1), name: "外地第" + strconv.Itoa(i+1) + "医院", kind: "HOSP", level: "3", grade: "甲", ownership: "PUB", region: at[:4] + "01",
		})
	}
	r.bureau = &org{code: "YB9901000001", name: "三医市医疗保障局", kind: "INSUR", ownership: "PUB", region: pool}
	r.platform = &org{code: "YP9901000001", name: "三医市药品供应保障平台", kind: "OTHER", ownership: "PUB", region: pool}
	r.commission = &org{code: "WJ9901000001", name: "三医市卫生健康委员会", kind: "OTHER", ownership: "PUB", region: pool}
	for _, o := range append(append([]*org(nil), r.hospitals...), r.centres...) {
		total := 0.0
		for _, d := range o.depts {
			total += r.depts[d].visits
			o.visitCum = append(o.visitCum, total)
		}
	}
	return r, nil
}

func (r *region) readCatalogues() error {
	var bad error
	num := func(s string) float64 {
		if s == "" {
			return 0
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			bad = err
		}
		return v
	}
	each := func(file string, take func(f []string)) error {
		rows, err := readCSV(data, "data/"+file)
		for _, f := range rows {
			take(f)
		}
		if err == nil && bad != nil {
			err = fmt.Errorf("synth %s: %w", file, bad)
		}
		return err
	}
	if err := each("departments.csv", func(f []string) {
		r.depts = append(r.depts, dept{
			code: f[0], name: f[1], hospital: strings.Contains(f[2], "H"), centre: strings.Contains(f[2], "C"), visits: num(f[3]), fee: num(f[4]), beds: num(f[5]), icu: f[6] == "Y",
		})
	}); err != nil {
		return err
	}
	if err := each("diseases.csv", func(f []string) {
		r.diseases = append(r.diseases, disease{
			code: f[0], name: f[1], dept: f[2], weight: num(f[3]), sex: f[4], ageLo: int(num(f[5])), ageHi: int(num(f[6])), cost: num(f[7]), sigma: num(f[8]),
			los: num(f[9]), death: num(f[10]) / 1000, season: f[11], proc: f[12], procName: f[13], level: f[14], mini: f[15] == "Y", incision: f[16],
			procShare: num(f[17]) / 100, dayShare: num(f[18]) / 100,
		})
	}); err != nil {
		return err
	}
	if err := each("complaints.csv", func(f []string) {
		r.complaints[f[2]] = append(r.complaints[f[2]], code{f[0], f[1]})
	}); err != nil {
		return err
	}
	return each("drugs.csv", func(f []string) {
		atc := f[2]
		head := "X" + atc
		if atc == "" {
			head = "ZA00AAA"
		}
		r.drugs = append(r.drugs, drug{
			code: fmt.Sprintf("%-8s", head)[:8] + fmt.Sprintf("A0010101%05s", f[0]), generic: f[1], atc: atc, form: f[3], spec: f[4], unit: f[5],
			strength: num(f[6]), ddd: num(f[7]), strengthText: f[6], dddText: f[7], abx: f[8], flags: f[9], insu: f[10], price: num(f[11]), ip: num(f[12]), op: num(f[13]),
		})
		d := &r.drugs[len(r.drugs)-1]
		d.code = strings.ReplaceAll(d.code, " ", "0")
	})
}

// rng is a stream of chance of its own for each thing of each night, so that one more draw here moves nothing there.
func (r *region) rng(what, who string, d day) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s|%s|%d", what, who, d)
	return rand.New(rand.NewPCG(r.seed, h.Sum64()))
}

// readCSV reads an embedded catalogue without its header.
func readCSV(fsys fs.FS, name string) ([][]string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows[1:], nil
}

// poisson draws a count around mean; above 60 the normal curve is near enough.
func poisson(rng *rand.Rand, mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 60 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	limit, n, p := math.Exp(-mean), 0, rng.Float64()
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}

// pick chooses an index by cumulated weights.
func pick(rng *rand.Rand, cum []float64) int {
	x := rng.Float64() * cum[len(cum)-1]
	for i, c := range cum {
		if x < c {
			return i
		}
	}
	return len(cum) - 1
}

// cents draws an amount of money around median with a lognormal spread, in fen.
func cents(rng *rand.Rand, median, sigma float64) int64 {
	return max(1, int64(math.Round(median*100*math.Exp(sigma*rng.NormFloat64()))))
}

// yuan writes fen as yuan with two decimals.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	rest := strconv.FormatInt(fen%100, 10)
	if len(rest) == 1 {
		rest = "0" + rest
	}
	return sign + strconv.FormatInt(fen/100, 10) + "." + rest
}

var countyNames = []string{"青禾", "白石", "云溪", "临泉", "东岭", "南浦", "西塘", "北原"}

var townNames = []string{"柳林", "石桥", "河口", "马店", "双井", "高坪", "新集", "大湾", "竹园", "枣庄口", "松坡", "桃源"}
