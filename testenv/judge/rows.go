package judge

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Rows returns all rows of a small table, as DuckDB or PyIceberg read them, each with its values by column. A value is JSON: whole
// numbers and floats as numbers, NaN and infinities as strings, decimals, UUIDs, dates, times and timestamps as strings, bytes in
// hexadecimal, maps as lists of pairs.
func (r Reader) Rows(ctx context.Context, t Table) ([]map[string]json.RawMessage, error) {
	var a struct {
		Rows []map[string]json.RawMessage `json:"rows"`
	}
	if r != DuckDB && r != PyIceberg {
		return nil, fmt.Errorf("%s does not tell rows", r)
	}
	if err := script(ctx, tools.Readers, "rows.py", map[string]any{"table": t, "reader": r}, &a); err != nil {
		return nil, fmt.Errorf("%s reads the rows of %s: %w", r, t.Name, err)
	}
	return a.Rows, nil
}
