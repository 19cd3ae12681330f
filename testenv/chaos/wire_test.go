package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// echo is a server that answers every line with itself, and a wire in front of it. What reached it is counted.
func echo(t *testing.T) (*Wire, *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var seen atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					seen.Add(1)
					fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
	w, err := NewWire(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, &seen
}

func say(t *testing.T, c net.Conn, line string) (string, error) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	b := make([]byte, len(line)+1)
	n, err := io.ReadFull(c, b)
	return string(b[:n]), err
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Each harm does what its name says, once, to the piece that it was meant for.
func TestWire_Harms(t *testing.T) {
	for _, h := range []struct {
		name    string
		harm    Harm
		reached int64
		got     string
		reset   bool
	}{
		{"request lost", Harm{Lose: LoseRequest}, 0, "", false},
		{"answer lost", Harm{Lose: LoseAnswer}, 1, "", false},
		{"half an answer", Harm{Lose: LoseHalf}, 1, "har", false},
		{"reset after success", Harm{Lose: LoseAnswer, Reset: true}, 1, "", true},
		{"late", Harm{Delay: 50 * time.Millisecond}, 1, "harm 1\n", false},
	} {
		t.Run(h.name, func(t *testing.T) {
			w, seen := echo(t)
			c := dial(t, w.Addr)
			if got, err := say(t, c, "before"); got != "before\n" {
				t.Fatalf("without a harm: %q, %v", got, err)
			}
			var felt atomic.Int64
			h.harm.Match, h.harm.Times, h.harm.Seen = Mentions("harm"), 1, &felt
			w.SetHarms(h.harm)
			seen.Store(0)
			if got, err := say(t, c, "other"); got != "other\n" {
				t.Fatalf("what it was not meant for: %q, %v", got, err)
			}
			seen.Store(0)
			got, err := say(t, c, "harm 1")
			if got != h.got || (err == nil) != (h.harm.Lose == Nothing) {
				t.Errorf("the client got %q, %v; want %q", got, err, h.got)
			}
			if h.reset != errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client's error is %v", err)
			}
			if seen.Load() != h.reached || felt.Load() != 1 {
				t.Errorf("%d pieces reached the server, the harm was felt %d times; want %d and 1", seen.Load(), felt.Load(), h.reached)
			}
			if got, err := say(t, dial(t, w.Addr), "harm 2"); got != "harm 2\n" {
				t.Errorf("after its one time the harm still holds: %q, %v", got, err)
			}
		})
	}
}

// What a trap holds arrives when it is let go, even though its client is gone; and not if it is dropped.
func TestWire_Traps(t *testing.T) {
	for _, c := range []struct {
		at              Moment
		fate            Fate
		before, reached int64
	}{{Arrived, PassOn, 0, 1}, {Arrived, Drop, 0, 0}, {Applied, PassOn, 1, 1}} {
		w, seen := echo(t)
		client := dial(t, w.Addr)
		trap := w.SetTrap(Mentions("commit"), c.at)
		if _, err := fmt.Fprintln(client, "commit"); err != nil {
			t.Fatal(err)
		}
		if err := trap.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seen.Load() != c.before {
			t.Errorf("%s: %d reached the server while it was held, want %d", c.at, seen.Load(), c.before)
		}
		client.Close()
		trap.Release(c.fate)
		for until := time.Now().Add(10 * time.Second); seen.Load() < c.reached && time.Now().Before(until); time.Sleep(time.Millisecond) {
		}
		if err := w.Close(); err != nil { // nothing more goes anywhere
			t.Error(err)
		}
		if seen.Load() != c.reached {
			t.Errorf("%s, %v: %d reached the server, want %d", c.at, c.fate, seen.Load(), c.reached)
		}
	}
}

// A Kafka client stays behind the wire, whatever address its broker has told; and a lost answer to a request that was done is
// survived by it.
func TestBroker_ClientsStayBehindTheWire(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	w, err := NewBroker(cluster.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var direct atomic.Int64
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.Addr), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"),
		kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != w.Addr {
				direct.Add(1)
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var felt atomic.Int64
	w.SetHarms(Harm{Match: Requests(kmsg.Produce), Lose: LoseAnswer, Times: 1, Seen: &felt})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, kgo.StringRecord("one"), kgo.StringRecord("two")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 2; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		n += fetches.NumRecords()
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	if sum != 2 || felt.Load() != 1 || direct.Load() != 0 {
		t.Errorf("%d records are in the log, %d answers were lost, %d connections went around the wire", sum, felt.Load(), direct.Load())
	}
}
