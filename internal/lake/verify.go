package lake

import "context"

// Report is what Verify found.
type Report struct {
	Publications int      `json:"publications"`
	Tables       int      `json:"tables"`
	Files        int      `json:"files"`
	Rows         int64    `json:"rows"` // of the head
	Loads        int      `json:"loads"`
	Faults       []string `json:"faults"` // empty: the lake is whole
}

// Verify reads every file and metadata file of the head and of all retained publications and checks sizes, footers,
// both equations and the catalogue itself.
func (l *Lake) Verify(ctx context.Context) (Report, error) { return l.verify(ctx) }
