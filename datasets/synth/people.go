package synth

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// person is one of the region's people. Nobody is stored: each is computed from a number whenever needed.
type person struct {
	number    int
	id        string // 18 digits with the check digit of GB 11643
	name      string
	sex       string // RC001: 1 male, 2 female
	birth     day
	county    string
	township  string
	phone     string
	insutype  string // NHSA: 310 employees, 390 residents
	insured   string // pool or county of insurance
	keyPerson bool   // of the groups that family doctors look after first
}

const (
	birthSpan  = 34_693 // days from firstBirth on; a prime, so that stepping through it visits each day once
	birthStep  = 7_919
	firstBirth = day(-14_610) // 1930-01-01
)

// person computes the n-th of the region's people.
func (r *region) person(n int) person {
	c := n % len(r.counties)
	k := n / len(r.counties)
	mix := uint64(n)*0x9E3779B97F4A7C15 + r.seed*0xD1B54A32D192ED03
	mix ^= mix >> 29
	mix *= 0xBF58476D1CE4E5B9
	mix ^= mix >> 32
	p := person{number: n, birth: firstBirth + day(k%birthSpan*birthStep%birthSpan), county: r.counties[c].code, sex: "2"}
	odd := int(mix & 1) // the 17th digit is odd for men
	if odd == 1 {
		p.sex = "1"
	}
	p.id = idNumber(p.county, p.birth, 100+2*(k/birthSpan)+odd)
	p.name = surnames[mix>>8%uint64(len(surnames))] + givenNames[mix>>20%uint64(len(givenNames))] + givenNames[mix>>32%uint64(len(givenNames))]
	p.phone = fmt.Sprintf("100%08d", n) // eleven digits; no mobile number begins with 100
	p.insutype = "390"
	if mix>>40%100 < 34 && p.birth < firstBirth+27_000 {
		p.insutype = "310"
	}
	p.insured = p.county
	p.township = p.county
	if len(r.townships) > 0 {
		if t := r.townships[int(mix>>45%uint64(len(r.townships)))]; t.parent == p.county {
			p.township = t.code
		}
	}
	p.keyPerson = p.birth < firstBirth+11_000 || mix>>50%100 < 9
	return p
}

// age is in whole years on a day.
func (p person) age(on day) int {
	b, t := p.birth.time(), on.time()
	years := t.Year() - b.Year()
	if t.Month() < b.Month() || t.Month() == b.Month() && t.Day() < b.Day() {
		years--
	}
	return max(0, years)
}

// someone draws a person who lives in or near a county, the old and the very young more often, as doctors see them.
func (r *region) someone(rng *rand.Rand, county int, on day) person {
	for {
		n := rng.IntN(r.people)
		if county >= 0 && rng.Float64() < 0.85 {
			n = n/len(r.counties)*len(r.counties) + county
			if n >= r.people {
				continue
			}
		}
		p := r.person(n)
		if p.birth > on {
			continue
		}
		seen := 0.3
		switch age := p.age(on); {
		case age < 6:
			seen = 0.85
		case age >= 60:
			seen = 1
		case age >= 40:
			seen = 0.55
		}
		if rng.Float64() < seen {
			return p
		}
	}
}

// patient draws a person whom a disease can befall; after a while it takes anyone of the right sex.
func (r *region) patient(rng *rand.Rand, county int, on day, d disease) person {
	for tries := 0; ; tries++ {
		p := r.someone(rng, county, on)
		age := p.age(on)
		fits := age >= d.ageLo && age <= d.ageHi && (d.sex == "0" || d.sex == p.sex)
		if p.birth < on-40 && (fits || tries > 80) { // the newborn have a disease of their own, see stay
			return p
		}
	}
}

// idNumber is a citizen's number by GB 11643-1999: region, birth, sequence, check digit (ISO 7064 MOD 11-2).
func idNumber(region string, birth day, sequence int) string {
	body := region + birth.compact() + fmt.Sprintf("%03d", sequence)
	return body + checkDigit(body)
}

func checkDigit(body string) string {
	sum := 0
	for i, ch := range body {
		weight := 1
		for range 17 - i {
			weight = weight * 2 % 11
		}
		sum += int(ch-'0') * weight
	}
	d := (12 - sum%11) % 11
	if d == 10 {
		return "X"
	}
	return strconv.Itoa(d)
}

// shortID is the 15-digit form that old records still carry: two-digit year, no check digit. Only of people born
// before 2000 and after 1929, where completing it to 18 digits has one answer.
func (p person) shortID() (string, bool) {
	if len(p.id) != 18 || p.id[6:8] != "19" {
		return "", false
	}
	return p.id[:6] + p.id[8:17], true
}

var surnames = []string{"赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨", "朱", "秦", "尤", "许", "何", "吕", "施", "张"}

var givenNames = []string{"安", "柏", "晨", "岱", "恩", "帆", "谷", "禾", "佳", "珂", "岚", "梅", "宁", "攀", "琪", "然", "松", "棠", "薇", "溪", "远", "泽", "芷", "舟"}
