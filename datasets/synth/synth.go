// Package synth writes the nightly extracts of a region of nobody: hospitals' front sheets, outpatient visits, bed
// days, insurance settlements, drug purchases, stocks, dispensing and shortage reports, in the shapes that really
// arrive (encodings, exporters' habits, refunds, dirt, deliveries that never come), and beside them truth.json: the
// figures that must come out, counted while writing. Everything follows from a seed, byte for byte. Nights are
// simulated one after the other, so memory holds the patients now in beds and the counters, never the region's past.
//
// It knows nothing of the lake, of contracts or of how indicators are compiled: truth is counted by a second, plain
// way. People, names, numbers and codes of places are made up; region codes begin with 99 or 98, which nobody has.
package synth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Sizes of a region.
const (
	Small  = "small"  // 2 hospitals, 3 township centres, 10 nights: for tests
	County = "county" // 3 hospitals, 12 township centres, 90 nights
	City   = "city"   // 60 hospitals, 96 township centres, 2 years
)

// LastNight is the business date of a region's last night unless told otherwise: a day that is over, so that no
// figure of truth.json depends on the clock.
var LastNight = time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC)

// Options say how large a region and for how many nights. The zero value is a small region of seed 0.
type Options struct {
	Size      string    // Small unless given
	Seed      uint64    // the same seed writes the same bytes
	Nights    int       // the size's own unless given
	LastNight time.Time // LastNight unless given
	Logger    *slog.Logger
}

// Write writes the extracts and truth.json into dir, which it makes; files of an earlier run must not be there.
func Write(ctx context.Context, dir string, o Options) (*Truth, error) {
	sim, err := begin(dir, o)
	if err != nil {
		return nil, err
	}
	if err := sim.run(ctx, o.Logger); err != nil {
		return nil, err
	}
	truth := sim.tally.truth(sim.scale)
	text, err := json.MarshalIndent(truth, "", " ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, TruthFile), append(text, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("synth: %w", err)
	}
	// sanyi ingest DIR takes the whole folder: this file says what in it is no extract.
	if err := os.WriteFile(filepath.Join(dir, ".sanyiignore"), []byte("# the figures that must come out, no extract\n"+TruthFile+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("synth: %w", err)
	}
	return truth, nil
}

// WriteFrontSheets writes the dictionaries and the hospitals' front sheets alone, without truth.json: the same stays, and
// the same spoilt ones, as Write gives, for measurements over more stays than anybody waits for with everything else.
func WriteFrontSheets(ctx context.Context, dir string, o Options) error {
	sim, err := begin(dir, o)
	if err != nil {
		return err
	}
	return sim.runWards(ctx)
}

// begin makes a new folder and a region at its first night.
func begin(dir string, o Options) (*simulation, error) {
	sc, err := o.scale()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("synth %s: %w", dir, err)
	}
	if old, err := os.ReadDir(dir); err != nil || len(old) > 0 {
		return nil, fault.New(fault.Usage, "synth: the folder %s is not empty: name a new one", dir)
	}
	reg, err := newRegion(sc)
	if err != nil {
		return nil, err
	}
	return newSimulation(reg, dir), nil
}

// scale is what a size means in numbers.
type scale struct {
	size               string
	seed               uint64
	nights             int
	last               day
	counties           int
	hospitals          int // in the whole region
	centres            int
	people             int     // insured or living in the region
	hospitalVisits     float64 // registrations of an average hospital on an average day
	centreVisits       float64
	admissions         float64 // of an average hospital on an average day
	awayADay           float64 // settlements a day of the region's insured in hospitals elsewhere
	drugsHeld          int     // drugs of an organisation's stock list
	wideFrontSheetFrom int     // hospitals from this index on write only the repeats they need
}

func (o Options) scale() (scale, error) {
	var sc scale
	switch o.Size {
	case Small, "":
		sc = scale{size: Small, nights: 10, counties: 2, hospitals: 2, centres: 3, people: 20_000, hospitalVisits: 160, centreVisits: 24, admissions: 9, awayADay: 4, drugsHeld: 14}
	case County:
		sc = scale{size: County, nights: 90, counties: 3, hospitals: 3, centres: 12, people: 420_000, hospitalVisits: 320, centreVisits: 32, admissions: 22, awayADay: 9, drugsHeld: 30}
	case City:
		sc = scale{size: City, nights: 730, counties: 8, hospitals: 60, centres: 96, people: 5_200_000, hospitalVisits: 420, centreVisits: 40, admissions: 26, awayADay: 60, drugsHeld: 36}
	default:
		return sc, fault.New(fault.Usage, "synth: no size %q: small, county or city", o.Size)
	}
	sc.seed, sc.last = o.Seed, dayOf(LastNight)
	if o.Nights > 0 {
		sc.nights = o.Nights
	}
	if o.Nights < 0 {
		return sc, fault.New(fault.Usage, "synth: %d nights", o.Nights)
	}
	if !o.LastNight.IsZero() {
		sc.last = dayOf(o.LastNight)
	}
	sc.wideFrontSheetFrom = 1
	return sc, nil
}

// first is the business date of the first night.
func (sc scale) first() day { return sc.last - day(sc.nights-1) }

// day counts days since 1970-01-01; the region's clocks show Asia/Shanghai, so a day has no zone here.
type day int

func dayOf(t time.Time) day {
	y, m, d := t.Date()
	return day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d day) time() time.Time       { return time.Unix(int64(d)*86400, 0).UTC() }
func (d day) weekday() time.Weekday { return d.time().Weekday() }
func (d day) iso() string           { return d.time().Format("2006-01-02") }
func (d day) compact() string       { return d.time().Format("20060102") }
func (d day) month() string         { return d.time().Format("2006-01") }

// clock is a second on the region's clocks since 1970-01-01 00:00:00 there.
type clock int64

func (d day) at(second int) clock { return clock(int64(d)*86400 + int64(second)) }
func (c clock) day() day          { return day(c / 86400) }
func (c clock) hour() int         { return int(c % 86400 / 3600) }
func (c clock) text() string      { return time.Unix(int64(c), 0).UTC().Format("2006-01-02 15:04:05") }
