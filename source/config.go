package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
)

// Config is how a Group reads. Only Brokers, Group, Budget and one of Topics and Patterns are needed.
type Config struct {
	Brokers    []string         // host:port
	Group      string           // the consumer group
	ClientID   string           // default "sinker"
	Topics     []string         // names
	Patterns   []*regexp.Regexp // topics whose name matches one, internal ones aside; not anchored unless the pattern is
	InstanceID string           // static membership: the member keeps its partitions while it restarts; "" is none

	Refresh          time.Duration // how often topics and partitions are looked up; default 30 s, at least 100 ms
	SessionTimeout   time.Duration // a member that is silent for longer is out of the group; default 45 s
	RebalanceTimeout time.Duration // default as the session, but within 1 to 5 minutes; half of it is the deadline of a revocation

	TLS  *TLS  // nil is plaintext, an empty one trusts the system's roots
	SASL *SASL // nil is none

	Budget        *budget.Budget
	FetchMaxBytes int // of one answer; default a 32nd of the budget, at most 8 MiB
	RunBytes      int // of one Records event, about; default 1 MiB
	MaxBatchBytes int // of one record batch, compressed or not; larger ones are a Fault; default a quarter of the budget, at most 1 GiB

	Logger *slog.Logger // default: silent
	Opts   []kgo.Opt    // last words to the client, for tests
}

const (
	mib           = 1 << 20
	partitionPart = 1 * mib // asked of one partition in one answer
	fetchWait     = 250 * time.Millisecond
)

// Validate tells every fault of the configuration at once.
func (c Config) Validate() error {
	_, err := c.withDefaults()
	return err
}

func (c Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		fault("brokers: none given")
	}
	for _, b := range c.Brokers {
		if strings.TrimSpace(b) == "" || strings.Contains(b, "://") {
			fault("brokers: %q is no host:port", b)
		}
	}
	if c.Group == "" {
		fault("group: empty")
	}
	if len(c.Topics)+len(c.Patterns) == 0 {
		fault("topics: neither names nor patterns given")
	}
	for _, t := range c.Topics {
		if t == "" {
			fault("topics: an empty name")
		}
	}
	for _, p := range c.Patterns {
		if p == nil {
			fault("topics: an empty pattern")
		}
	}
	orDefault(&c.ClientID, "sinker")
	orDefault(&c.Refresh, 30*time.Second)
	orDefault(&c.SessionTimeout, 45*time.Second)
	orDefault(&c.RebalanceTimeout, min(max(c.SessionTimeout, time.Minute), 5*time.Minute))
	if c.Refresh < 100*time.Millisecond || c.Refresh > time.Hour {
		fault("refresh: %s is not between 100ms and 1h", c.Refresh)
	}
	if c.SessionTimeout < 100*time.Millisecond || c.RebalanceTimeout < 100*time.Millisecond {
		fault("session and rebalance timeouts: %s and %s, must be at least 100ms", c.SessionTimeout, c.RebalanceTimeout)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Budget == nil {
		fault("budget: missing")
	} else {
		limit := c.Budget.Limit()
		orDefault(&c.FetchMaxBytes, int(min(max(limit/32, 64<<10), 8*mib)))
		orDefault(&c.MaxBatchBytes, int(min(max(limit/4, mib), 1<<30)))
	}
	orDefault(&c.RunBytes, mib)
	for name, n := range map[string]int{"fetch bytes": c.FetchMaxBytes, "run bytes": c.RunBytes, "batch bytes": c.MaxBatchBytes} {
		if n < 0 || n > 1<<30 {
			fault("%s: %d is not between 1 and 1 GiB", name, n)
		}
	}
	if err := c.TLS.validate(); err != nil {
		fault("tls: %w", err)
	}
	if err := c.SASL.validate(); err != nil {
		fault("sasl: %w", err)
	}
	return c, errors.Join(faults...)
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// matches tells whether a topic is one of ours.
func (c Config) matches(topic string, internal bool) bool {
	for _, t := range c.Topics {
		if t == topic {
			return true
		}
	}
	if internal {
		return false
	}
	for _, p := range c.Patterns {
		if p.MatchString(topic) {
			return true
		}
	}
	return false
}

// clientOpts are the client's settings; the callbacks of the member come on top.
func (c Config) clientOpts() ([]kgo.Opt, error) {
	largest := int32(min(c.FetchMaxBytes+c.MaxBatchBytes+mib, 1<<30))
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.SoftwareNameAndVersion("sinker", "v1"),
		kgo.DisableClientMetrics(),
		kgo.WithLogger(clientLog{c.Logger}),
		kgo.MetadataMaxAge(c.Refresh),
		kgo.MetadataMinAge(min(c.Refresh, 500*time.Millisecond)),
		kgo.BrokerMaxReadBytes(largest),
		kgo.FetchMaxBytes(min(largest, 1*mib)), // not used for fetching, but validated against the line above

		kgo.ConsumerGroup(c.Group),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.RebalanceTimeout(c.RebalanceTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, c.SessionTimeout/5, c.RebalanceTimeout/8)), // a rebalance is heard of by a heartbeat
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	}
	if c.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(c.InstanceID))
	}
	if len(c.Patterns) == 0 {
		opts = append(opts, kgo.ConsumeTopics(c.Topics...))
	} else {
		var patterns []string
		for _, t := range c.Topics {
			patterns = append(patterns, "^"+regexp.QuoteMeta(t)+"$")
		}
		for _, p := range c.Patterns {
			patterns = append(patterns, p.String())
		}
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(patterns...))
	}
	security, err := securityOpts(c.TLS, c.SASL)
	return append(append(opts, security...), c.Opts...), err
}

// clientLog hands the client's log to ours, a step quieter: what ends something for it, it tries again or we do.
type clientLog struct{ to *slog.Logger }

func (l clientLog) Level() kgo.LogLevel {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		at = slog.LevelWarn
	case kgo.LogLevelWarn:
		at = slog.LevelInfo
	}
	l.to.Log(context.Background(), at, "kafka client: "+msg, keyvals...)
}

// revokeTime is what a revocation may take.
func (c Config) revokeTime() time.Duration { return c.RebalanceTimeout / 2 }

func clampInt32(n int) int32 { return int32(min(max(n, 1), math.MaxInt32)) }
