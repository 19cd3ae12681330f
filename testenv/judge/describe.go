package judge

import (
	"context"
	"fmt"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Description is a table as its metadata and its store show it, for whoever judges it by rules of their own.
type Description struct {
	Head      int64            `json:"head"` // 0: none
	Files     []File           `json:"files"`
	Snapshots []Described      `json:"snapshots"` // all that are listed, oldest first
	Objects   map[string]int64 `json:"objects"`   // sizes of what is stored below the table's location
}

// File is a data file as a manifest records it.
type File struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	Rows int64  `json:"rows"`
}

// Described is one snapshot.
type Described struct {
	ID       int64             `json:"id"`
	Parent   int64             `json:"parent"` // 0: none
	Sequence int64             `json:"sequence"`
	Summary  map[string]string `json:"summary"`
	Files    []int             `json:"files"` // live data files: places in Description.Files, one for each time that a manifest names it
}

// Describe reads all of a table's metadata by pyiceberg, and lists its objects.
func Describe(ctx context.Context, t Table) (Description, error) {
	var d Description
	if err := script(ctx, tools.Readers, "describe.py", map[string]any{"table": t}, &d); err != nil {
		return d, fmt.Errorf("describe %s: %w", t.Name, err)
	}
	return d, nil
}
