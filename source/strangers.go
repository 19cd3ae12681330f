package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Strangers are the members of the group that are no sinker, by the client id that they gave: its name and where it
// runs, in order. They take partitions that nobody carries into a table, and they are never touched. A group that
// does not exist has none.
func (g *Group) Strangers(ctx context.Context) ([]string, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{g.cfg.Group}
	resp, err := req.RequestWith(ctx, g.cl)
	if err != nil {
		return nil, fmt.Errorf("source: ask for the members of group %s: %w", g.cfg.Group, err)
	}
	var out []string
	note := func(client, host string) {
		if client != g.cfg.ClientID {
			out = append(out, fmt.Sprintf("%s at %s", client, strings.TrimPrefix(host, "/")))
		}
	}
	members := 0
	for _, d := range resp.Groups {
		if err := kerr.ErrorForCode(d.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, fmt.Errorf("source: ask for the members of group %s: %w", g.cfg.Group, err)
		}
		for _, m := range d.Members {
			members++
			note(m.ClientID, m.ClientHost)
		}
	}
	if members == 0 { // it may be a group of Kafka 4's own protocol, which the request above does not see
		req := kmsg.NewPtrConsumerGroupDescribeRequest()
		req.Groups = []string{g.cfg.Group}
		if resp, err := req.RequestWith(ctx, g.cl); err == nil { // older brokers have no such groups
			for _, d := range resp.Groups {
				for _, m := range d.Members {
					note(m.ClientID, m.ClientHost)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// watchStrangers tells of each stranger once: at the start, and when one comes later. Who may not ask does without.
func (g *Group) watchStrangers() {
	told := map[string]bool{}
	tick := time.NewTicker(g.cfg.Refresh)
	defer tick.Stop()
	for {
		found, err := g.Strangers(g.fetching)
		if err != nil {
			g.cfg.Logger.Debug("source: the group was not looked through for strangers", "error", err)
		}
		fresh := slices.DeleteFunc(found, func(s string) bool { return told[s] })
		for _, s := range fresh {
			told[s] = true
		}
		if len(fresh) > 0 {
			g.cfg.Logger.Warn("source: the group has members that are no sinker; the partitions they hold reach no table while they do: end them, or give kafka.group a name of its own",
				"group", g.cfg.Group, "members", strings.Join(fresh, ", "))
		}
		select {
		case <-g.fetching.Done():
			return
		case <-tick.C:
		}
	}
}
