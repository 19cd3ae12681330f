package catalog

import (
	"context"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

// moody is a catalog that deals with the next commits as it is told.
type moody struct {
	backend
	next   []mood
	failed int
}

type mood int

const (
	refuses mood = iota // and does nothing
	loses               // the answer, after it has done what it was asked
)

func (m *moody) commit(ctx context.Context, id ident, base *loaded, reqs []icetable.Requirement, ups []icetable.Update) error {
	if len(m.next) == 0 {
		return m.backend.commit(ctx, id, base, reqs, ups)
	}
	now := m.next[0]
	m.next = m.next[1:]
	if now == loses {
		if err := m.backend.commit(ctx, id, base, reqs, ups); err != nil {
			return err
		}
		return &commit.Error{Class: commit.Unknown, Err: errLost}
	}
	m.failed++
	return &commit.Error{Class: commit.Busy, Err: errLost}
}

// quick does not wait.
func quick(ctx context.Context, _ time.Duration) error { return ctx.Err() }
