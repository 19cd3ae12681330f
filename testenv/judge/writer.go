package judge

import (
	"context"
	"fmt"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Order is what pyiceberg shall do to a table, as another team's job would.
type Order struct {
	Do         string            `json:"do"`                   // append | overwrite | delete | expire | look
	Rows       []map[string]any  `json:"rows,omitempty"`       // for append and overwrite; columns that are not named are null
	Filter     string            `json:"filter,omitempty"`     // for overwrite and delete, in pyiceberg's words
	Properties map[string]string `json:"properties,omitempty"` // of the snapshot, for append
}

// State is a table as pyiceberg sees it after an order.
type State struct {
	Metadata   string            `json:"metadata"`
	UUID       string            `json:"uuid"`
	Properties map[string]string `json:"properties"`
	Head       *int64            `json:"head"`
	Refs       map[string]int64  `json:"refs"`
	Snapshots  []Snapshot        `json:"snapshots"` // as listed, oldest first
}

// Snapshot is one listed snapshot.
type Snapshot struct {
	ID        int64             `json:"id"`
	Parent    *int64            `json:"parent"`
	At        int64             `json:"at"` // milliseconds since 1970
	Operation string            `json:"operation"`
	Summary   map[string]string `json:"summary"`
}

// Write carries out an order through the table's catalog.
func Write(ctx context.Context, t Table, o Order) (State, error) {
	var s State
	if err := script(ctx, tools.Readers, "writer.py", map[string]any{"table": t, "order": o}, &s); err != nil {
		return s, fmt.Errorf("pyiceberg: %s on %s: %w", o.Do, t.Name, err)
	}
	return s, nil
}

// Look returns the table's state and changes nothing.
func Look(ctx context.Context, t Table) (State, error) { return Write(ctx, t, Order{Do: "look"}) }
