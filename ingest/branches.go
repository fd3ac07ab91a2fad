package ingest

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Of forty repeats an extract mostly fills five. Planning a branch of SQL for each of the others costs more than all
// the rows: one cheap look at the records says which branches have any.

// probe is the statement that says, branch by branch, whether any record meets its condition.
func probe(from string, wheres []string) string {
	if len(wheres) < 2 {
		return ""
	}
	items := make([]string, 0, len(wheres))
	for _, w := range wheres {
		items = append(items, fmt.Sprintf("coalesce(bool_or(%s), FALSE)", w))
	}
	return "SELECT [" + strings.Join(items, ", ") + "]\nFROM " + from
}

// liveBranches are the branches of a child table that have rows in this chunk; the first one stands for none.
func (p *pass) liveBranches(ctx context.Context, k *tablePlan) ([]int, error) {
	if k.probe == "" {
		return []int{0}, nil
	}
	var answer any
	if err := p.loader.Conn().QueryRowContext(ctx, k.probe).Scan(&answer); err != nil {
		return nil, sqlFault(err)
	}
	found, ok := answer.([]any)
	if !ok {
		return nil, fault.New(fault.Internal, "table %s: which repeats have rows: unexpected answer %T", k.table.Table, answer)
	}
	var live []int
	for i, f := range found {
		if has, _ := f.(bool); has {
			live = append(live, i)
		}
	}
	if len(live) == 0 {
		live = append(live, 0)
	}
	return live, nil
}
