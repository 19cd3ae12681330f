package world

import (
	"fmt"
	"os"
	"strconv"
)

// Sizes is how much the tests of this package do. The zero of nothing: each has a default for a run that takes minutes, and a
// variable of the environment that overrides it for the long proof.
type Sizes struct {
	Rows      int64 // SINKER_WORLD_ROWS: line items in the REST world
	SmallRows int64 // SINKER_WORLD_SMALL_ROWS: line items in each other world
	Messy     int64 // SINKER_WORLD_MESSY_ROWS: nested events in the REST world
	Kills     int   // SINKER_CRASH_KILLS: kill -9 of an instance, new tables not counted
	Zombies   int   // SINKER_CRASH_ZOMBIES: instances frozen for longer than their session
	Backlog   int64 // SINKER_BACKLOG_MIB: records to catch up with, in MiB
	Births    int   // SINKER_CRASH_BIRTHS: kills in the first second of a new table
}

// sizes reads the environment; what cannot be read is an error.
func sizes() (Sizes, error) {
	s := Sizes{Rows: 500_000, SmallRows: 50_000, Messy: 50_000, Backlog: 128, Kills: 10, Zombies: 3, Births: 5}
	for name, to := range map[string]any{"SINKER_WORLD_ROWS": &s.Rows, "SINKER_WORLD_SMALL_ROWS": &s.SmallRows, "SINKER_WORLD_MESSY_ROWS": &s.Messy,
		"SINKER_BACKLOG_MIB": &s.Backlog, "SINKER_CRASH_KILLS": &s.Kills, "SINKER_CRASH_ZOMBIES": &s.Zombies, "SINKER_CRASH_BIRTHS": &s.Births} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return s, fmt.Errorf("%s=%s: want a whole number above 0", name, text)
		}
		switch to := to.(type) {
		case *int64:
			*to = n
		case *int:
			*to = int(n)
		}
	}
	return s, nil
}
