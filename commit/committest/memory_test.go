package committest_test

import (
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/commit/fitness"
)

type foreigner struct{ *committest.Memory }

func (f foreigner) Append() error             { f.Foreign("append", 0); return nil }
func (f foreigner) Point(id int64) error      { f.Rollback(id); return nil }
func (f foreigner) Expire(ids ...int64) error { f.Memory.Expire(true, ids...); return nil }
func (f foreigner) CherryPick(id int64) error { f.Foreign("append", id); return nil }
func (f foreigner) Replace() error            { f.Memory.Replace(); return nil }
func (f foreigner) Recreate() error           { f.Memory.Recreate(); return nil }
func (f foreigner) Spoil(sink string) error {
	f.Edit(func(v *commit.View) { v.Mirrors[sink] = commit.Mirror{} })
	return nil
}
func (f foreigner) Forget(sink string) error {
	f.Edit(func(v *commit.View) { delete(v.Mirrors, sink); delete(v.Tags, sink) })
	return nil
}
func (f foreigner) Tag(name string, id int64) error {
	f.Edit(func(v *commit.View) { v.Tags[name[len("sinker_"):]] = id })
	return nil
}
func (f foreigner) Set(...[2]string) error {
	f.Edit(func(v *commit.View) { v.RetryMin = 321 * time.Millisecond })
	return nil
}

// The suite on the table in memory, and on one for each capability that a catalog may lack.
func TestMemory_PassesTheSuite(t *testing.T) {
	for name, caps := range map[string]commit.Capabilities{
		"all": fitness.All, "no tags": {Properties: true, History: true}, "no properties": {Tags: true, History: true}, "no tags, no properties": {History: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := committest.Run(t, func(*testing.T) committest.Subject {
				m := committest.NewMemory(nil)
				m.Edit(func(v *commit.View) { v.Caps = caps })
				return committest.Subject{Open: func(string) commit.Table { return m }, Declared: caps, Log: true, Foreign: foreigner{m}}
			})
			if r.Caps != caps || len(r.Found) < 8 {
				t.Errorf("%+v", r)
			}
		})
	}
}
