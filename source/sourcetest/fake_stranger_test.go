package sourcetest

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/source"
)

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(b))
	return len(b), nil
}

func (l *lines) with(part string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if strings.Contains(s, part) {
			out = append(out, s)
		}
	}
	return out
}

// stranger is a consumer of somebody else in our group.
func (s *stage) stranger(id string) *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.w.Brokers...), kgo.ClientID(id), kgo.ConsumerGroup(s.group), kgo.ConsumeTopics(s.topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.SessionTimeout(s.w.Session), kgo.HeartbeatInterval(s.w.Session/5), kgo.DisableClientMetrics())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

// members are the member ids of the clients that call themselves so.
func (s *stage) members(client string) (out []string) {
	s.t.Helper()
	gs, err := s.adm.DescribeGroups(s.ctx, s.group)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range gs[s.group].Members {
		if m.ClientID == client {
			out = append(out, m.MemberID)
		}
	}
	return out
}

// Somebody else's consumers in our group are named, at the start and when they come later, each once; they stay members, and so
// do other sinkers, of whom nothing is said.
func TestStrangers_AreNamedAndLeftAlone(t *testing.T) {
	s, _ := fakeStage(t, 1)
	s.create(s.topic, 6)
	s.stranger("reports")
	s.eventually("a stranger is there first", func() bool { return len(s.members("reports")) == 1 })
	first := s.members("reports")

	look, err := source.OpenLook(s.ctx, s.config())
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if found, err := look.Strangers(s.ctx); err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "reports at ") {
		t.Errorf("a look finds %v, %v", found, err)
	}

	log := &lines{}
	logged := func(c *source.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	one := s.open(logged)
	two := s.open(nil)
	sharing := func(what string, ok func() bool) {
		t.Helper()
		s.eventually(what, func() bool {
			one.quiet(20 * time.Millisecond)
			two.quiet(20 * time.Millisecond)
			return ok()
		})
	}
	sharing("both have partitions, and the stranger is named", func() bool { return len(one.held) > 0 && len(two.held) > 0 && len(log.with("reports at ")) > 0 })
	s.stranger("audit")
	sharing("the second stranger is named", func() bool { return len(log.with("audit at ")) > 0 })
	if found, err := look.Strangers(s.ctx); err != nil || len(found) != 2 {
		t.Errorf("a look finds %v, %v", found, err)
	}
	for _, name := range []string{"reports", "audit"} {
		if got := log.with(name + " at "); len(got) != 1 || !strings.Contains(got[0], s.group) {
			t.Errorf("%s is told in %d lines: %v", name, len(got), got)
		}
	}
	if got := log.with("sinker at "); len(got) != 0 {
		t.Errorf("a sinker was taken for a stranger: %v", got)
	}
	if now := s.members("reports"); !slices.Equal(now, first) {
		t.Errorf("the stranger was member %v, is %v: it was put out of the group", first, now)
	}
}
