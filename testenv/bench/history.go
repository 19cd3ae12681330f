package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
)

// snapshot is one commit, as the table's metadata tells of it.
type snapshot struct {
	at         time.Time // as its writer says
	rows, size int64     // added
	files      int       // added
}

// history reads a table's snapshots, oldest first, from the metadata file that the catalog names.
func (r *rig) history(ctx context.Context, table string) ([]snapshot, error) {
	t, err := judge.Of(ctx, r.world, table)
	if err != nil {
		return nil, err
	}
	key, ok := strings.CutPrefix(t.Metadata, "s3://"+r.world.S3.Bucket+"/")
	if !ok {
		return nil, fmt.Errorf("metadata of %s are at %s, which is not in the store", table, t.Metadata)
	}
	text, err := os.ReadFile(filepath.Join(r.world.S3.Folder, key))
	if err != nil {
		return nil, err
	}
	return parseHistory(text)
}

func parseHistory(text []byte) ([]snapshot, error) {
	type listed struct {
		Number  int64             `json:"sequence-number"`
		At      int64             `json:"timestamp-ms"`
		Summary map[string]string `json:"summary"`
	}
	var meta struct {
		Snapshots []listed `json:"snapshots"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	slices.SortFunc(meta.Snapshots, func(a, b listed) int { return cmp.Compare(a.Number, b.Number) })
	var out []snapshot
	for _, s := range meta.Snapshots {
		number := func(key string) int64 {
			n, _ := strconv.ParseInt(s.Summary[key], 10, 64) // absent where there is nothing to tell
			return n
		}
		out = append(out, snapshot{at: time.UnixMilli(s.At), rows: number("added-records"), size: number("added-files-size"),
			files: int(number("added-data-files"))})
	}
	return out, nil
}

// contents counts the commits, files and bytes of a table into a run, and fails if the rows are not all there.
func (r *rig) contents(ctx context.Context, table string, run *Run) error {
	past, err := r.history(ctx, table)
	if err != nil {
		return err
	}
	var rows int64
	for _, s := range past {
		rows += s.rows
		run.Bytes += s.size
		run.Files += s.files
		if s.rows > 0 {
			run.Commits++
		}
	}
	if rows != r.Rows {
		return fmt.Errorf("the snapshots of %s added %d rows, want %d", table, rows, r.Rows)
	}
	return nil
}
