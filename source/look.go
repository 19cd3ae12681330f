package source

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
)

// Look is a connection to the cluster for those who only ask: it joins no group, reads no record and changes
// nothing, so nobody is disturbed by it. It is safe for concurrent use.
type Look struct{ g *Group }

// OpenLook connects, and talks to the cluster once, so that a wrong address or password is told here. Config.Budget is not
// needed.
func OpenLook(ctx context.Context, cfg Config) (*Look, error) {
	if cfg.Budget == nil {
		cfg.Budget = budget.New(mib, nil)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("source: open: %w", err)
	}
	if _, err := ping(ctx, cfg); err != nil {
		return nil, err
	}
	security, err := securityOpts(cfg.TLS, cfg.SASL)
	if err != nil {
		return nil, fmt.Errorf("source: open: %w", err)
	}
	g := &Group{cfg: cfg}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	opts := append([]kgo.Opt{kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(cfg.ClientID), kgo.DisableClientMetrics(), kgo.WithLogger(clientLog{cfg.Logger})}, security...)
	if g.cl, err = kgo.NewClient(append(opts, cfg.Opts...)...); err != nil {
		g.cancel()
		return nil, fmt.Errorf("source: open: %w", err)
	}
	return &Look{g}, nil
}

// Close ends the connections.
func (l *Look) Close() { l.g.cancel(); l.g.cl.Close() }

// ClusterID, Topics, OffsetsAt, Inspect, GroupMetadata and Strangers answer as those of a Group do.
func (l *Look) ClusterID(ctx context.Context) (string, error) { return l.g.ClusterID(ctx) }

func (l *Look) Topics(ctx context.Context) ([]Topic, error) { return l.g.Topics(ctx) }

func (l *Look) OffsetsAt(ctx context.Context, ps []offsets.Partition, at Point) (offsets.Position, error) {
	return l.g.OffsetsAt(ctx, ps, at)
}

func (l *Look) Inspect(ctx context.Context, ps []offsets.Partition, epochs map[offsets.Partition]int32) ([]LogInfo, error) {
	return l.g.Inspect(ctx, ps, epochs)
}

func (l *Look) GroupMetadata(ctx context.Context) (map[offsets.Partition]string, error) {
	return l.g.GroupMetadata(ctx)
}

func (l *Look) Strangers(ctx context.Context) ([]string, error) { return l.g.Strangers(ctx) }
