package admin

import (
	"fmt"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/sink"
)

// maxReasons is how many reasons are told; a sink of a thousand tables has one catalog, which is down once.
const maxReasons = 50

// unready lists why the sink is not ready, STOPs included; nothing if it is.
func unready(v view, stuck time.Duration, now time.Time) []string {
	out := sourceUnready(v, now)
	if v.Stale || v.Started.IsZero() {
		return out
	}
	for _, t := range v.Tables {
		out = append(out, tableUnready(t, stuck, now)...)
	}
	return bounded(out)
}

// troubles is unready without the STOPs, which the page shows in full.
func troubles(v view, stuck time.Duration, now time.Time) []string {
	out := sourceUnready(v, now)
	if v.Stale || v.Started.IsZero() {
		return out
	}
	for _, t := range v.Tables {
		if why := tableTrouble(t, stuck, now); why != "" {
			out = append(out, why)
		}
	}
	return bounded(out)
}

func bounded(reasons []string) []string {
	if len(reasons) <= maxReasons {
		return reasons
	}
	return append(reasons[:maxReasons:maxReasons], fmt.Sprintf("and %d more", len(reasons)-maxReasons))
}

func sourceUnready(v view, now time.Time) []string {
	switch {
	case v.Stale && v.At.IsZero():
		return []string{"the sink has not told its status yet; its log says what it waits for"}
	case v.Stale:
		return []string{"the sink has not told its status for " + duration(now.Sub(v.At)) + "; its log says what it waits for"}
	case v.Started.IsZero():
		return []string{"the sink is starting"}
	case v.Trouble != "":
		return []string{"source: " + v.Trouble}
	case v.Connected:
		return nil
	default:
		return []string{"source: not in the consumer group yet"}
	}
}

func tableUnready(t sink.TableStatus, stuck time.Duration, now time.Time) []string {
	var out []string
	if why := tableTrouble(t, stuck, now); why != "" {
		out = append(out, why)
	}
	for _, s := range stopsOf(t) {
		out = append(out, s.Error())
	}
	return out
}

// tableTrouble is what keeps a table from being ready besides its STOPs.
func tableTrouble(t sink.TableStatus, stuck time.Duration, now time.Time) string {
	switch t.State {
	case sink.Running, sink.Idle:
		if why := standsStill(t, stuck, now); why != "" {
			return "table " + t.Table + ": " + why
		}
		return ""
	case sink.Stopped:
		if t.Stop == nil {
			return "table " + t.Table + ": stopped"
		}
		return ""
	default:
		why := fmt.Sprintf("table %s: %s", t.Table, t.State)
		if !t.Since.IsZero() {
			why += " for " + duration(now.Sub(t.Since).Truncate(time.Second))
		}
		if t.LastError != "" {
			why += ": " + t.LastError
		}
		return why
	}
}

// standsStill tells of a table that says it runs, has records waiting, and has committed nothing for long:
// the fault that a green light hides best.
func standsStill(t sink.TableStatus, stuck time.Duration, now time.Time) string {
	if t.State != sink.Running || t.LagRecords <= 0 {
		return ""
	}
	moved := t.Since
	if len(t.Commits) > 0 && t.Commits[0].At.After(moved) {
		moved = t.Commits[0].At
	}
	if moved.IsZero() || now.Sub(moved) <= stuck {
		return ""
	}
	// A table that was caught up until just now has had nothing to commit.
	if lag := time.Duration(t.LagSeconds * float64(time.Second)); lag <= stuck {
		return ""
	}
	return fmt.Sprintf("%s records wait, and nothing was committed for %s", count(t.LagRecords), duration(now.Sub(moved)))
}

// stopsOf lists the STOP of the table and those of its partitions.
func stopsOf(t sink.TableStatus) []*commit.Stop {
	var out []*commit.Stop
	if t.Stop != nil {
		out = append(out, t.Stop)
	}
	for _, p := range t.Partitions {
		if p.Stop != nil {
			out = append(out, p.Stop)
		}
	}
	return out
}
