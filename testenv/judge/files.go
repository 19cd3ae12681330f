package judge

import (
	"context"
	"fmt"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Files lets pyarrow, which checks the pages' checksums, and DuckDB read single Parquet files, and tells where they find other
// rows than the truth: folder holds 0.parquet, 1.parquet, … and beside each of them n.rows with a JSON array a line, spelled as
// pagestest does it, and n.kinds.
func Files(ctx context.Context, folder string, files int) (faults []string, err error) {
	var a struct {
		Faults []string `json:"faults"`
	}
	if err := script(ctx, tools.Readers, "files.py", map[string]any{"folder": folder, "files": files}, &a); err != nil {
		return nil, fmt.Errorf("read the files in %s: %w", folder, err)
	}
	return a.Faults, nil
}
