package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// stay is one inpatient from admission to discharge.
type stay struct {
	org                        *org
	who                        person
	newborn                    bool // has no number of its own; 28 days old at most
	ageDays                    int  // of the newborn
	disease                    disease
	record                     string // 病案号
	times                      int    // 住院次数
	admit, discharge, operated clock
	los                        int // calendar days, same day counts 1
	route                      string
	way                        string
	plannedBack                bool
	daySurgery                 bool
	hasProc                    bool
	complication               bool // of the operation, acquired here
	infected                   bool // the cut
	moved                      []string
	others                     []secondary
	fees                       charges
	ventHours                  int
	doctor                     string
	pay                        string
	weightAtBirth              int
}

type secondary struct{ code, name, cond string }

// charges are the items of a front sheet in fen; they add up to total.
type charges struct {
	total                                               int64
	service, treatment, nursing, otherService           int64 // D11 to D14
	pathology, laboratory, imaging, clinical            int64 // D15 to D18
	nonSurgical, surgical, anaesthesia, surgeryItself   int64 // D19, D20, D20x01, D20x02
	rehab, tcm, west, antibiotics, patent, herb         int64 // D21 to D25
	blood, albumin                                      int64 // D26, D27
	examMaterial, treatMaterial, surgeryMaterial, other int64 // D31 to D34
}

func (s *stay) id() string { return s.org.code[6:] + s.record + "-" + strconv.Itoa(s.times) }

// surgery: the main procedure has a surgical level.
func (s *stay) surgery() bool { return s.hasProc && s.disease.level != "" }

// elective: not brought in through the emergency department.
func (s *stay) elective() bool { return s.route != "1" }

func (s *stay) anaesthesia() string {
	switch {
	case !s.surgery():
		return ""
	case s.disease.level >= "3":
		return "01" // general
	}
	return "03" // local or regional
}

// ward is a hospital's beds.
type ward struct {
	org      *org
	leaving  map[day][]*stay
	occupied map[string]int // patients by department
	serial   int
	cum      []float64
}

func newWard(r *region, o *org) *ward {
	w := &ward{org: o, leaving: map[day][]*stay{}, occupied: map[string]int{}}
	total := 0.0
	for _, d := range r.diseases {
		total += d.weight
		w.cum = append(w.cum, total)
	}
	return w
}

// flow is what happened in a department on one day.
type flow struct{ in, out, outDays int }

// back is somebody who will come again.
type back struct {
	org     *org
	who     person
	disease disease
	planned bool
}

// night admits and discharges for one day and hands over who left.
func (w *ward) night(r *region, d day, returns []back) (left []*stay, moves map[string]*flow) {
	rng := r.rng("ward", w.org.code, d)
	moves = map[string]*flow{}
	move := func(dept string) *flow {
		if moves[dept] == nil {
			moves[dept] = &flow{}
		}
		return moves[dept]
	}
	admit := func(s *stay) {
		s.record = fmt.Sprintf("%07d", 1_000_000+w.serial)
		w.serial++
		w.leaving[s.discharge.day()] = append(w.leaving[s.discharge.day()], s)
		w.occupied[s.disease.dept]++
		move(s.disease.dept).in++
	}
	for range poisson(rng, r.admissions*w.org.size*season(d)*(0.55+0.45*weekday(d))) {
		ds := w.disease(r, rng, d)
		admit(w.stay(r, rng, d, ds, r.patient(rng, w.org.county, d, ds)))
	}
	for _, b := range returns {
		s := w.stay(r, rng, d, b.disease, b.who)
		s.times = 2
		admit(s)
	}
	left = w.leaving[d]
	delete(w.leaving, d)
	for _, s := range left {
		w.occupied[s.disease.dept]--
		m := move(s.disease.dept)
		m.out++
		m.outDays += s.los
	}
	return left, moves
}

// disease draws one by weight, more of winter's in winter.
func (w *ward) disease(r *region, rng *rand.Rand, d day) disease {
	for {
		ds := r.diseases[pick(rng, w.cum)]
		keep := 0.8
		month := d.time().Month()
		if ds.season == "winter" && (month <= 3 || month >= 11) || ds.season == "summer" && month >= 6 && month <= 9 {
			keep = 1
		} else if ds.season != "" {
			keep = 0.6
		}
		if rng.Float64() < keep {
			return ds
		}
	}
}

func (w *ward) stay(r *region, rng *rand.Rand, d day, ds disease, who person) *stay {
	s := &stay{
		org: w.org, who: who, disease: ds, times: 1, route: "2", way: "1", doctor: doctor(w.org, ds.dept, rng.IntN(doctors)), pay: yes(who.insutype == "310", "1", "2"),
		admit: d.at(drawHour(rng)*3600 + rng.IntN(3600)),
	}
	switch x := rng.Float64(); {
	case ds.season == "winter" && x < 0.38 || x < 0.12:
		s.route = "1"
	case x > 0.985:
		s.route = "3"
	}
	nights := int(math.Round(ds.los * math.Exp(0.42*rng.NormFloat64())))
	nights = min(max(nights, 1), 58)
	s.hasProc = ds.proc != "" && rng.Float64() < ds.procShare
	if s.hasProc && s.route != "1" && rng.Float64() < ds.dayShare/math.Max(ds.procShare, 0.01) {
		s.daySurgery, nights = true, rng.IntN(2)
		s.admit = d.at(7*3600 + rng.IntN(3600*2))
	}
	s.discharge = (d + day(nights)).at(9*3600 + rng.IntN(8*3600))
	if s.discharge <= s.admit {
		s.discharge = s.admit + clock(3600*4+rng.IntN(3600))
		if s.discharge.day() > d+day(nights) {
			s.discharge = d.at(86399)
		}
	}
	s.los = max(1, int(s.discharge.day()-s.admit.day()))
	if s.hasProc {
		s.operated = s.admit + clock(float64(s.discharge-s.admit)*(0.1+0.4*rng.Float64()))
	}
	if ds.code == "P59.900" {
		s.newborn, s.ageDays, s.weightAtBirth = true, 2+rng.IntN(20), 2400+10*rng.IntN(170)
		s.pay = "7"
	}
	switch x := rng.Float64(); {
	case x < ds.death:
		s.way = "5"
	case x < ds.death+0.018:
		s.way = "2"
	case x < ds.death+0.03:
		s.way = "3"
	case x < ds.death+0.065:
		s.way = "4"
	case x < ds.death+0.07:
		s.way = "9"
	}
	for range rng.IntN(7) {
		s.others = append(s.others, commonOthers[rng.IntN(len(commonOthers))])
	}
	if s.surgery() && rng.Float64() < 0.013*map[string]float64{"1": 0.4, "2": 0.8, "3": 1.1, "4": 2.2}[ds.level] {
		s.complication = true
		s.others = append([]secondary{{"T81.000", "并发于操作的出血和血肿", "4"}}, s.others...)
	}
	s.infected = s.surgery() && ds.incision == "1" && rng.Float64() < 0.018
	if rng.Float64() < 0.06 {
		s.moved = []string{"28", ds.dept}
	}
	if ds.dept == "28" {
		s.ventHours = 12 + rng.IntN(220)
	}
	s.charge(rng, r)
	return s
}

var commonOthers = []secondary{
	{"I10.x00", "特发性(原发性)高血压", "1"},
	{"E11.900", "2型糖尿病", "1"},
	{"I25.100", "动脉粥样硬化性心脏病", "1"},
	{"E78.500", "高脂血症", "1"},
	{"K29.500", "慢性胃炎", "1"},
	{"I63.900", "脑梗死", "2"},
	{"J44.900", "慢性阻塞性肺病", "1"},
	{"N18.900", "慢性肾脏病", "1"},
	{"E87.600", "低钾血症", "4"},
	{"D64.900", "贫血", "1"},
	{"K76.000", "脂肪肝", "3"},
	{"Z95.500", "冠状动脉支架植入后状态", "1"},
}

// charge draws the bill: the length of stay and the hospital's level move it, the parts add up.
func (s *stay) charge(rng *rand.Rand, _ *region) {
	total := cents(rng, s.disease.cost*(0.8+0.3*s.org.size), s.disease.sigma)
	stretch := math.Pow(float64(s.los)/math.Max(s.disease.los, 1), 0.6)
	total = max(20_000, int64(float64(total)*stretch))
	weights := [20]float64{5, 4, 6, 1, 1.5, 13, 11, 3, 9, 0, 1.5, 1.5, 22, 3, 0.8, 1, 1.4, 1, 2, 0.5}
	if s.hasProc && s.disease.level != "" {
		weights[9], weights[18] = 18, 16
	}
	if s.disease.dept == "50" || s.disease.dept == "21" {
		weights[10], weights[11], weights[14] = 14, 18, 6
	}
	sum := 0.0
	for i := range weights {
		weights[i] *= 0.6 + 0.8*rng.Float64()
		sum += weights[i]
	}
	var part [20]int64
	var used int64
	for i, w := range weights {
		part[i] = int64(float64(total) * w / sum)
		used += part[i]
	}
	part[19] += total - used
	s.fees = charges{
		total: total, service: part[0], treatment: part[1], nursing: part[2], otherService: part[3], pathology: part[4], laboratory: part[5], imaging: part[6], clinical: part[7],
		nonSurgical: part[8], surgical: part[9], rehab: part[10], tcm: part[11], west: part[12], patent: part[13], herb: part[14], blood: part[15], albumin: part[16],
		examMaterial: part[17], surgeryMaterial: part[18], other: part[19],
	}
	f := &s.fees
	f.antibiotics = f.west / 9
	f.anaesthesia, f.surgeryItself = f.surgical/4, f.surgical/2
	f.treatMaterial = f.examMaterial / 2
	f.examMaterial -= f.treatMaterial
}
