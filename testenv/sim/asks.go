package sim

import (
	"context"
	"fmt"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

func ask[T any](ctx context.Context, m *member, f func(c *cluster) (T, error)) (T, error) {
	return call(ctx, m.wire, "ask", func(fate.Kind, int64) (T, error) {
		m.c.mu.Lock()
		defer m.c.mu.Unlock()
		return f(m.c)
	})
}

// ClusterID is sink.Source.
func (m *member) ClusterID(ctx context.Context) (string, error) {
	return ask(ctx, m, func(*cluster) (string, error) { return "cluster", nil })
}

// Topics is sink.Source.
func (m *member) Topics(ctx context.Context) ([]source.Topic, error) {
	return ask(ctx, m, func(c *cluster) (out []source.Topic, err error) {
		for _, t := range c.sorted() {
			if t.sink == m.sink {
				out = append(out, source.Topic{Name: t.name, ID: t.id, Partitions: int32(len(t.logs))})
			}
		}
		return out, nil
	})
}

// OffsetsAt is sink.Source.
func (m *member) OffsetsAt(ctx context.Context, ps []offsets.Partition, at source.Point) (offsets.Position, error) {
	return ask(ctx, m, func(c *cluster) (offsets.Position, error) {
		out := offsets.Position{}
		for _, p := range ps {
			_, l := c.at(place{p.Topic, p.Num})
			if l == nil {
				return nil, fmt.Errorf("offsets of %s: unknown topic or partition", p)
			}
			if out[p] = l.start; at == source.Latest {
				out[p] = l.stable()
			}
		}
		return out, nil
	})
}

// Inspect is sink.Source.
func (m *member) Inspect(ctx context.Context, ps []offsets.Partition, epochs map[offsets.Partition]int32) ([]source.LogInfo, error) {
	return ask(ctx, m, func(c *cluster) (out []source.LogInfo, err error) {
		for _, p := range ps {
			e, asked := epochs[p]
			out = append(out, c.info(p, e, asked))
		}
		return out, nil
	})
}

// CommitGroup is sink.Source.
func (m *member) CommitGroup(ctx context.Context, at map[offsets.Partition]source.Start, text map[offsets.Partition]string) error {
	_, err := call(ctx, m.wire, "group", func(fate.Kind, int64) (none struct{}, err error) {
		m.c.mu.Lock()
		defer m.c.mu.Unlock()
		if m.c.offsets[m.sink] == nil {
			m.c.offsets[m.sink] = map[place]string{}
		}
		for p := range at {
			if where := (place{p.Topic, p.Num}); m.c.holding[where] == m {
				m.c.offsets[m.sink][where] = text[p]
			}
		}
		return none, nil
	})
	return err
}

// GroupMetadata is sink.Source.
func (m *member) GroupMetadata(ctx context.Context) (map[offsets.Partition]string, error) {
	return ask(ctx, m, func(c *cluster) (map[offsets.Partition]string, error) {
		out := map[offsets.Partition]string{}
		for p, text := range c.offsets[m.sink] {
			if t, l := c.at(p); l != nil {
				out[t.part(int(p.num))] = text
			}
		}
		return out, nil
	})
}
