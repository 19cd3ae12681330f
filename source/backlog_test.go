package source_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

const backlogParts = 64

func TestMain(m *testing.M) {
	if mb := os.Getenv("SOURCE_TEST_BROKER"); mb != "" {
		n, _ := strconv.Atoi(mb)
		if err := backlogBroker(n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// backlogBroker is a broker in a process of its own, so that ours holds nothing but the source: it fills a topic,
// tells its addresses and how many records there are, and lives until its input ends.
func backlogBroker(mb int) error {
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(backlogParts, "backlog"))
	if err != nil {
		return err
	}
	defer c.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("backlog"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(20*time.Millisecond), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		return err
	}
	defer cl.Close()
	rng := rand.New(rand.NewSource(1))
	n := 0
	for size := 0; size < mb<<20; n++ {
		v := fmt.Appendf(nil, `{"id":%d,"at":"2026-11-24T08:00:00Z","user":"u%d","text":"%x","price":%d.%02d}`, n, rng.Intn(1e6), rng.Int63(), rng.Intn(1e4), rng.Intn(100))
		for len(v) < 300 {
			v = fmt.Appendf(v, " %d", rng.Intn(1e9))
		}
		size += len(v)
		cl.Produce(context.Background(), &kgo.Record{Value: v}, nil)
	}
	if err := cl.Flush(context.Background()); err != nil {
		return err
	}
	fmt.Println(n, strings.Join(c.ListenAddrs(), ","))
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

// TestMemory_BacklogOfManyPartitions reads a backlog with a reader that keeps all it can, as a sink that fills a
// batch does. By default the backlog is small; SINKER_BACKLOG_MIB=1024 is the size that is promised for.
func TestMemory_BacklogOfManyPartitions(t *testing.T) {
	mb := 96
	if s := os.Getenv("SINKER_BACKLOG_MIB"); s != "" {
		mb, _ = strconv.Atoi(s)
	}
	limit := int64(256 << 20)
	if mb < 512 {
		limit = 64 << 20
	}
	broker := exec.Command(os.Args[0])
	broker.Env = append(os.Environ(), "SOURCE_TEST_BROKER="+strconv.Itoa(mb))
	broker.Stderr = os.Stderr
	in, err := broker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = broker.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var want int
	var addrs string
	if _, err := fmt.Sscan(line, &want, &addrs); err != nil {
		t.Fatal(err)
	}

	if !raceDetector {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit + 32<<20)) // as the service does
	}
	debug.FreeOSMemory()
	before := status(t, "VmRSS")
	full := make(chan struct{}, 1)
	bud := budget.New(limit, func() {
		select {
		case full <- struct{}{}:
		default:
		}
	})
	ctx := context.Background()
	g, err := source.Open(ctx, source.Config{Brokers: strings.Split(addrs, ","), Group: "g", Topics: []string{"backlog"}, Budget: bud})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	read, bytes, peak, rounds := 0, 0, int64(0), 0
	var kept []source.Records
	release := func() {
		peak = max(peak, status(t, "VmRSS"))
		rounds++
		for _, k := range kept {
			k.Release()
		}
		kept = nil
	}
	timeout := time.After(5 * time.Minute)
	for read < want {
		select {
		case ev := <-g.Events():
			switch ev := ev.(type) {
			case source.Assigned:
				starts := map[offsets.Partition]source.Start{}
				for _, p := range ev.Partitions {
					starts[p] = source.Start{LeaderEpoch: -1}
				}
				g.StartAt(starts)
			case source.Records:
				read += len(ev.Recs)
				for _, r := range ev.Recs {
					bytes += len(r.Value)
				}
				kept = append(kept, ev)
			case source.Fault:
				t.Fatal(ev.Err)
			case source.Lost:
				t.Fatal(ev.Err)
			}
		case <-full:
			release()
		case <-timeout:
			t.Fatalf("stuck after %d of %d records", read, want)
		}
	}
	took := time.Since(begun)
	release()
	if err := g.Close(ctx); err != nil {
		t.Error(err)
	}
	for range g.Events() {
	}
	grown := peak - before
	t.Logf("%d records, %d MiB in %s (%.0f MiB/s, %.0f records/s); memory full %d times; budget %d MiB, most taken %d MiB; RSS %d MiB, was %d MiB before",
		read, bytes>>20, took.Round(time.Millisecond), float64(bytes>>20)/took.Seconds(), float64(read)/took.Seconds(), rounds, limit>>20, bud.Peak()>>20, peak>>20, before>>20)
	if read != want {
		t.Errorf("%d records were read of %d", read, want)
	}
	if bud.Used() != 0 {
		t.Errorf("%d bytes are not given back", bud.Used())
	}
	if bud.Peak() > limit {
		t.Errorf("%d bytes were taken of %d", bud.Peak(), limit)
	}
	if allowed := limit + 64<<20; peak > 0 && !raceDetector && grown > allowed {
		t.Errorf("the process grew by %d MiB, allowed are %d MiB", grown>>20, allowed>>20)
	}
}

// status reads a figure of this process in bytes, 0 where the system does not tell.
func status(t *testing.T, name string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	return 0
}
