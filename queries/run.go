package queries

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// result is what the statements of a plan gave, by group.
type result struct {
	groups      map[string]group
	publication int64
}

// group is one combination of the asked dimensions' values; total says which of them are added up.
type group struct {
	values []any // string, int64, bool, float64 or nil
	total  []bool
	id     string // key, where it was asked before
}

// key tells groups apart; a null value is not a total.
func (g group) key() string {
	if g.id != "" {
		return g.id
	}
	var b []byte
	for i, v := range g.values {
		switch {
		case g.total[i]:
			b = append(b, "*|"...)
		case v == nil:
			b = append(b, "-|"...)
		default:
			t, ok := v.(string)
			if !ok {
				t = fmt.Sprint(v)
			}
			b = append(strconv.AppendInt(append(b, '='), int64(len(t)), 10), ':')
			b = append(append(b, t...), '|')
		}
	}
	return string(b)
}

// Run asks the statements and puts the answer together.
func (p *Plan) Run(ctx context.Context, run Runner) (*Answer, error) {
	r := &result{groups: map[string]group{}}
	for _, s := range p.scans {
		for _, l := range s.leaves {
			l.cells = map[Window]map[string]cell{}
		}
	}
	for _, part := range p.parts {
		rows, err := run.RunStatement(ctx, part.statement)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", part.scan.table.Name, err)
		}
		r.publication = rows.Publication
		err = p.read(part, rows.Batches, r)
		for _, b := range rows.Batches {
			b.Release()
		}
		if err != nil {
			return nil, fault.New(fault.Internal, "table %s: answer of the engine: %w", part.scan.table.Name, err)
		}
		// The first statement decides the publication; the others of this question see the same one.
		for _, later := range p.parts {
			if later.statement.Publication == 0 {
				later.statement.Publication = rows.Publication
			}
		}
	}
	if n := (len(r.groups) + 1) * len(p.windows) * len(p.question); n > maxFigures {
		return nil, fault.New(fault.TooLarge, "%d groups in %d periods are more figures than one answer holds (%d); ask for a shorter period, a coarser grain or fewer dimensions",
			len(r.groups), len(p.windows), maxFigures)
	}
	return p.answer(r), nil
}

// maxFigures bounds the memory of an answer: every group has a row in every period, whether anything counted there or
// not, so that few rows of a statement can make very many of an answer.
const maxFigures = 1_000_000

// read files the rows of one statement under their windows and groups.
func (p *Plan) read(part *part, batches []arrow.RecordBatch, r *result) error {
	s := part.scan
	byFrom := map[time.Time]int{}
	for i, w := range part.slots {
		byFrom[w.From] = i
	}
	found := make([]map[string]cell, len(part.slots)*len(s.leaves)) // by slot, then leaf
	delivery := s.table.Name == deliveries
	for _, b := range batches {
		for row := range int(b.NumRows()) {
			at := 0
			next := func() (any, error) {
				v, err := value(b.Column(at), row)
				at++
				return v, err
			}
			slot, err := windowOf(part, byFrom, next)
			if err != nil {
				return err
			}
			g := group{values: make([]any, len(s.dims)), total: make([]bool, len(s.dims))}
			for i := range s.dims {
				if g.values[i], err = next(); err != nil {
					return err
				}
			}
			if s.totals {
				mask, err := next()
				if err != nil {
					return err
				}
				m, _ := mask.(int64)
				for i := range g.total {
					g.total[i] = m>>(len(g.total)-1-i)&1 == 1
				}
			}
			if slot < 0 {
				continue // an hour or row outside the windows asked
			}
			key := g.key()
			if have, ok := r.groups[key]; ok {
				key = have.id
			} else if !delivery {
				g.id = key
				r.groups[key] = g
			}
			if s.peak {
				if err := readPeak(s.leaves[0], part.slots[slot], key, next); err != nil {
					return err
				}
				continue
			}
			cells := make([]cell, len(s.leaves))
			for i := range s.leaves {
				v, err := next()
				if err != nil {
					return err
				}
				cells[i].value = asNumber(v)
			}
			if part.cases {
				for i := range s.leaves {
					v, err := next()
					if err != nil {
						return err
					}
					cells[i].cases = asNumber(v).v
				}
			}
			for i, l := range s.leaves {
				into := &found[slot*len(s.leaves)+i]
				if *into == nil {
					*into = l.at(part.slots[slot])
				}
				(*into)[key] = cells[i]
			}
		}
	}
	return nil
}

// at is what was found in a window.
func (l *leaf) at(w Window) map[string]cell {
	if l.cells[w] == nil {
		l.cells[w] = map[string]cell{}
	}
	return l.cells[w]
}

// windowOf reads the first column or two: which of the part's windows the row belongs to, -1 for none.
func windowOf(part *part, byFrom map[time.Time]int, next func() (any, error)) (int, error) {
	v, err := next()
	if err != nil {
		return -1, err
	}
	n, isInt := v.(int64)
	if part.form != byBucket {
		if !isInt || n < 0 || int(n) >= len(part.slots) {
			return -1, nil
		}
		return int(n), nil
	}
	t, isTime := v.(time.Time)
	switch {
	case isInt && part.grain > Day: // units since the first window
		t = part.grain.add(part.slots[0].From, int(n))
	case part.grain == Hour:
		h, err := next()
		if err != nil {
			return -1, err
		}
		hour, _ := h.(int64)
		t = t.Add(time.Duration(hour) * time.Hour)
	}
	if slot, ok := byFrom[t]; ok && (isTime || isInt) {
		return slot, nil
	}
	return -1, nil
}

func readPeak(l *leaf, w Window, key string, next func() (any, error)) error {
	day, err := next()
	if err != nil {
		return err
	}
	hour, err := next()
	if err != nil {
		return err
	}
	figure, err := next()
	if err != nil {
		return err
	}
	cases, err := next()
	if err != nil {
		return err
	}
	d, _ := day.(time.Time)
	h, _ := hour.(int64)
	l.at(w)[key] = cell{value: asNumber(figure), cases: asNumber(cases).v, at: d.Add(time.Duration(h) * time.Hour)}
	return nil
}

func asNumber(v any) number {
	switch v := v.(type) {
	case int64:
		return num(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return number{}
		}
		return num(v)
	default:
		return number{}
	}
}

// value takes one value out of an Arrow column: nil, string, int64, float64, bool or time.Time. Strings are copied:
// they outlive the batch.
func value(col arrow.Array, row int) (any, error) {
	if col.IsNull(row) {
		return nil, nil //nolint:nilnil // a null is a value
	}
	switch c := col.(type) {
	case *array.Null:
		return nil, nil //nolint:nilnil // a null is a value
	case *array.Int8:
		return int64(c.Value(row)), nil
	case *array.Int16:
		return int64(c.Value(row)), nil
	case *array.Int32:
		return int64(c.Value(row)), nil
	case *array.Int64:
		return c.Value(row), nil
	case *array.Uint8:
		return int64(c.Value(row)), nil
	case *array.Uint16:
		return int64(c.Value(row)), nil
	case *array.Uint32:
		return int64(c.Value(row)), nil
	case *array.Uint64:
		return float64(c.Value(row)), nil
	case *array.Float32:
		return float64(c.Value(row)), nil
	case *array.Float64:
		return c.Value(row), nil
	case *array.Boolean:
		return c.Value(row), nil
	case *array.String:
		return strings.Clone(c.Value(row)), nil
	case *array.LargeString:
		return strings.Clone(c.Value(row)), nil
	case *array.Date32:
		return c.Value(row).ToTime(), nil
	case *array.Timestamp:
		return c.Value(row).ToTime(c.DataType().(*arrow.TimestampType).Unit), nil //nolint:forcetypeassert // Arrow's own promise
	case *array.Decimal128:
		return decimal(c.Value(row).BigInt(), c.DataType().(*arrow.Decimal128Type).Scale), nil //nolint:forcetypeassert // Arrow's own promise
	case *array.Dictionary:
		return value(c.Dictionary(), c.GetValueIndex(row))
	case array.ExtensionArray:
		return value(c.Storage(), row)
	default:
		return nil, fmt.Errorf("column of type %s", col.DataType())
	}
}

// decimal divides once, exactly: money of nine digits and two places comes out as it was written.
func decimal(unscaled *big.Int, scale int32) float64 {
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	f, _ := new(big.Rat).SetFrac(unscaled, den).Float64()
	return f
}
