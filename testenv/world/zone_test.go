package world

import (
	"encoding/json"
	"testing"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/testenv/judge"
)

// Where a reader's clock stands is no matter of ours: instants are instants and wall clocks are wall clocks, in zones that are ahead, behind,
// and not by whole hours.
func TestTypes_ReadersInOtherZonesSeeTheSame(t *testing.T) {
	f := newFiles(t)
	const name = "types.zones"
	sc, spec, errs := schema.Build([]schema.Column{{Name: "at", Type: "timestamptz"}, {Name: "wall", Type: "timestamp"}, {Name: "day", Type: "date"}}, nil, []string{"day(at)"}, 2)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	f.fill(name, 2, sc, spec, decode.Options{}, []string{
		`{"at":"2024-03-10T00:30:00+05:30","wall":"2024-03-10T02:30:00","day":"2024-03-10"}`, // an hour that New York does not have
		`{"at":"1969-12-31T23:59:59.999999Z","wall":"1969-12-31T23:59:59.999999","day":"1969-12-31"}`})
	at := must(judge.Of(t.Context(), f.world, name))(t)
	first := map[string]string{}
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		t.Setenv("SINKER_READERS_TZ", zone)
		for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
			text := string(must(json.Marshal(must(r.Rows(t.Context(), at))(t)))(t))
			if first[string(r)] == "" {
				first[string(r)] = text
				t.Logf("%s: %s", r, text)
			}
			if text != first[string(r)] {
				t.Errorf("%s in %s sees %s, in UTC %s", r, zone, text, first[string(r)])
			}
			a := must(r.Ask(t.Context(), at, judge.Question{Filter: &judge.Filter{Column: "at", Kind: "timestamp", Op: ">=", Value: "2024-03-09 19:00:00"}}))(t)
			if a.Filtered == nil || *a.Filtered != 1 || a.FilesRead == nil || *a.FilesRead != 1 {
				t.Errorf("%s in %s finds %s rows in %s files under a filter, want 1 in 1", r, zone, show(a.Filtered), count(a.FilesRead))
			}
		}
	}
}
