package storm

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/testenv/chaos"
)

// What goes wrong with networks.
const (
	requestLost = "request lost"
	answerLost  = "answer lost after success"
	halfAnswer  = "half an answer"
	resetAfter  = "reset after success"
	twice       = "request done twice"
	twiceLate   = "request done again later"
	refused     = "503, not done"
	failedAfter = "500 after success"
	slow        = "slow"
	cut         = "connections cut"
	reset       = "connections reset"
	unreachable = "unreachable"
	silent      = "silent, connections open"
)

// spoil makes a network misbehave until that was felt. What nobody felt, since nothing went over the link, does not count; then it
// befalls anything at all, and the other instance in turn.
func (c *camp) spoil(ctx context.Context, d deed) error {
	for try := range 6 {
		p := c.parties[(d.who+try/2)%2]
		var felt int
		var err error
		switch {
		case d.link == "broker":
			felt, err = c.spoilWire(ctx, d, p.broker, chaos.Requests(kmsg.Fetch, kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetCommit, kmsg.OffsetFetch))
		case d.link == "catalog" && c.database:
			felt, err = c.spoilWire(ctx, d, p.database, chaos.Mentions(".metadata.json"))
		case d.link == "catalog":
			felt, err = c.spoilHTTP(ctx, d, p.catalog, func(r *http.Request) bool { return r.Method == http.MethodPost })
		default:
			felt, err = c.spoilHTTP(ctx, d, p.store, func(r *http.Request) bool {
				return r.Method != http.MethodGet && (strings.Contains(r.URL.Path, "/data/") || strings.Contains(r.URL.Path, "/metadata/"))
			})
		}
		if err != nil {
			return err
		}
		if felt > 0 {
			c.storm.did(fmt.Sprintf("fault of a %s: %s", d.link, d.what))
			return nil
		}
		d.only, d.times = false, 1
	}
	return nil
}

// lasting are the faults that befall whole connections. They return how many.
func lasting(ctx context.Context, d deed, cutAll func(reset bool) int, setDown func(bool)) (felt int, done bool, err error) {
	switch d.what {
	case cut, reset:
		return cutAll(d.what == reset), true, nil
	case unreachable:
		felt = cutAll(false)
		setDown(true)
		err = pause(ctx, d.length)
		setDown(false)
		return felt, true, err
	default:
		return 0, false, nil
	}
}

// felt waits until the fault was felt as often as planned, or nothing seems to come.
func felt(ctx context.Context, seen *atomic.Int64, times int) error {
	for until := time.Now().Add(6 * time.Second); seen.Load() < int64(times) && time.Now().Before(until); {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (c *camp) spoilHTTP(ctx context.Context, d deed, p *chaos.Proxy, matters func(*http.Request) bool) (int, error) {
	if n, done, err := lasting(ctx, d, p.Cut, p.SetDown); done {
		return n, err
	}
	var seen atomic.Int64
	r := chaos.Rule{Match: func(*http.Request) bool { return true }, Times: d.times, Seen: &seen}
	if d.only {
		r.Match = matters
	}
	switch d.what {
	case requestLost:
		r.Lose = chaos.LoseRequest
	case answerLost:
		r.Lose = chaos.LoseAnswer
	case halfAnswer:
		r.Lose = chaos.LoseHalf
	case resetAfter:
		r.Lose, r.Reset = chaos.LoseAnswer, true
	case twice:
		r.Twice = chaos.AtOnce
	case twiceLate:
		r.Twice, r.Delay = chaos.Late, d.length
	case refused:
		r.Lose, r.Status = chaos.LoseRequest, http.StatusServiceUnavailable
	case failedAfter:
		r.Lose, r.Status = chaos.LoseAnswer, http.StatusInternalServerError
	case slow:
		r.Delay = d.length
	}
	remove := p.AddRule(r)
	err := felt(ctx, &seen, d.times)
	remove()
	return int(seen.Load()), err
}

func (c *camp) spoilWire(ctx context.Context, d deed, w *chaos.Wire, matters func([]byte) bool) (int, error) {
	if n, done, err := lasting(ctx, d, w.Cut, w.SetDown); done {
		return n, err
	}
	var seen atomic.Int64
	h := chaos.Harm{Times: d.times, Seen: &seen}
	if d.only {
		h.Match = matters
	}
	switch d.what {
	case requestLost:
		h.Lose = chaos.LoseRequest
	case answerLost:
		h.Lose = chaos.LoseAnswer
	case halfAnswer:
		h.Lose = chaos.LoseHalf
	case resetAfter:
		h.Lose, h.Reset = chaos.LoseAnswer, true
	case slow:
		h.Delay = d.length / 4
	case silent:
		h.Delay = d.length
	}
	remove := w.AddHarm(h)
	err := felt(ctx, &seen, d.times)
	remove()
	return int(seen.Load()), err
}
