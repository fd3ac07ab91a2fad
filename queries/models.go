package queries

import "math"

// signal is what a detection algorithm says of one period.
type signal struct {
	observed, mean, sd, upper number
	alarm                     bool
}

// reach is how many periods before the judged one a model looks at.
func (m *Model) reach() int {
	n := m.Baseline + m.Lag
	if m.Name == "ears_c3" {
		n += 2 // C3 adds the two periods before
	}
	return n
}

// signalOf runs the model of an indicator. The figure is 1 for an alarm, 0 for none, nothing where the baseline is not
// complete.
func (a *asker) signalOf(m *Model, w Window, g group) figure {
	series := make([]number, m.reach()+1) // the judged period last
	for i := range series {
		at := w
		if back := len(series) - 1 - i; back > 0 {
			at = a.plan.before(w, back)
		}
		series[i] = a.eval(m.series, at, g)
	}
	var f figure
	s, ok := m.judge(series)
	f.detail = &s
	f.numerator = s.observed
	if ok {
		f.value = num(0)
		if s.alarm {
			f.value = num(1)
		}
	}
	if n := a.plan.req.MinCell; n > 0 && a.question.indicator.Suppression != "no" {
		f.cases = s.observed.v
		f.small = s.observed.ok && s.observed.v > 0 && s.observed.v < float64(n)
	}
	return f
}

// judge runs EARS (CDC's early aberration reporting system, as in the R package surveillance): the upper bound is mean
// plus z standard deviations of the baseline; C1 takes the periods just before, C2 leaves lag periods out, C3 adds up
// by how much C2 was passed in three periods.
func (m *Model) judge(series []number) (signal, bool) {
	z := math.Sqrt2 * math.Erfinv(1-2*m.Alpha)
	last := len(series) - 1
	s, ok := m.bound(series, last, z)
	if !ok {
		return s, false
	}
	if m.Name != "ears_c3" {
		s.alarm = s.observed.v > s.upper.v
		return s, true
	}
	sum := 0.0
	for back := range 3 {
		b, ok := m.bound(series, last-back, z)
		if !ok {
			return s, false
		}
		if b.sd.v > 0 {
			sum += math.Max(0, (b.observed.v-b.mean.v)/b.sd.v-1)
		}
	}
	s.alarm = sum > z
	return s, true
}

func (m *Model) bound(series []number, at int, z float64) (signal, bool) {
	s := signal{observed: series[at]}
	base := series[at-m.Lag-m.Baseline : at-m.Lag]
	mean := 0.0
	for _, v := range base {
		if !v.ok {
			return s, false
		}
		mean += v.v / float64(len(base))
	}
	sq := 0.0
	for _, v := range base {
		sq += (v.v - mean) * (v.v - mean)
	}
	sd := math.Max(math.Sqrt(sq/float64(len(base)-1)), m.MinSD)
	s.mean, s.sd, s.upper = num(mean), num(sd), num(mean+z*sd)
	return s, s.observed.ok
}
