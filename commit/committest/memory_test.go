package committest_test

import (
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
)

type foreigner struct{ *committest.Memory }

func (f foreigner) Append() error           { f.Foreign("append", 0); return nil }
func (f foreigner) Rollback(id int64) error { f.Memory.Rollback(id); return nil }
func (f foreigner) Expire(id int64) error   { f.Memory.Expire(false, id); return nil }

func TestMemory_PassesTheSuite(t *testing.T) {
	committest.Run(t, func(*testing.T) committest.Subject {
		m := committest.NewMemory(nil)
		return committest.Subject{Open: func(string) commit.Table { return m }, Foreign: foreigner{m}}
	})
}
