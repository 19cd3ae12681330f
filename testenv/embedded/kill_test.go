package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage/storagetest"
	"github.com/sinker-io/sinker/testenv/embedded"
)

// victimDir makes the test program a process that keeps a world in that folder, until it is killed.
const victimDir = "SINKER_EMBEDDED_VICTIM"

func kafkaTopics() []embedded.Topic {
	return []embedded.Topic{{Name: "orders", Partitions: 2, Configs: map[string]string{"segment.bytes": "20000"}}}
}

// victim produces for ever, and says on its standard output what the broker has acknowledged.
func victim(dir string) {
	ctx := context.Background()
	w, err := embedded.Start(ctx, embedded.Options{Dir: dir, Topics: kafkaTopics()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	cl, err := w.Client()
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	logs, _ := w.Logs("orders")
	for p := range logs {
		fmt.Println("id", p.TopicID, w.ClusterID)
	}
	for n := 0; ; n++ {
		p := int32(n % 2)
		res, err := cl.ProduceSync(ctx, embedded.Record("orders", p, nil, fmt.Appendf(nil, "%s-%d", time.Now(), n))).First()
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		if n%10 == 0 {
			var o kadm.Offsets
			o.AddOffset("orders", p, res.Offset+1, -1)
			if _, err := kadm.NewClient(cl).CommitOffsets(ctx, "group", o); err != nil {
				fmt.Println("error", err)
				os.Exit(1)
			}
			fmt.Println("group", p, res.Offset+1)
		}
		fmt.Println("ack", p, res.Offset, string(res.Value))
	}
}

// What the demo relies on: a broker that is killed with SIGKILL, again and again, comes back as the same
// cluster with the same topic, the same records at the same offsets, and the same group offsets.
func TestWorld_SurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	type place struct{ p, at int64 }
	acked, group := map[place]string{}, map[int64]int64{}
	ids := map[string]bool{}
	for round := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), victimDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 300+50*round && lines.Scan(); {
			var p, at int64
			var value string
			line := lines.Text()
			if k, _ := fmt.Sscanf(line, "ack %d %d", &p, &at); k == 2 {
				value = line[len(fmt.Sprintf("ack %d %d ", p, at)):]
				if before, taken := acked[place{p, at}]; taken {
					t.Fatalf("offset %d of partition %d was given twice: %q, %q", at, p, before, value)
				}
				acked[place{p, at}] = value
				n++
			} else if k, _ := fmt.Sscanf(line, "group %d %d", &p, &at); k == 2 {
				group[p] = at
			} else if line[:2] == "id" {
				ids[line] = true
			} else {
				t.Fatal(line)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if len(ids) != 1 {
		t.Errorf("the topic or the cluster changed its identity: %v", ids)
	}
	// A clean stop in between must not make it forget either.
	if w, err := embedded.Start(t.Context(), embedded.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	} else if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w := start(t, embedded.Options{Dir: dir, Topics: kafkaTopics()})
	for p := range int32(2) {
		recs, err := w.Read(t.Context(), "orders", p, 0)
		if err != nil {
			t.Fatal(err)
		}
		have := map[int64]string{}
		for i, r := range recs {
			have[r.Offset] = string(r.Value)
			if r.Offset != int64(i) {
				t.Fatalf("record %d of partition %d has the offset %d", i, p, r.Offset)
			}
		}
		for at, value := range acked {
			if at.p == int64(p) && have[at.at] != value {
				t.Errorf("partition %d, offset %d: acknowledged %q, has %q", p, at.at, value, have[at.at])
			}
		}
		one, _ := one(t, w, "orders", p)
		if one.TopicID == (offsets.TopicID{}) {
			t.Error("no topic id")
		}
	}
	cl, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	committed, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "group")
	if err != nil {
		t.Fatal(err)
	}
	for p, at := range group {
		if got, _ := committed.Lookup("orders", int32(p)); got.At < at {
			t.Errorf("the group's offset of partition %d is %d, was %d", p, got.At, at)
		}
	}
}

// Retention by size bounds the folder, and what it took stays away after a restart, at the same offsets.
func TestWorld_RetentionBySize(t *testing.T) {
	o := embedded.Options{Dir: t.TempDir(), SweepEvery: time.Millisecond, Topics: []embedded.Topic{{Name: "orders", Configs: map[string]string{"retention.bytes": "20000", "segment.bytes": "5000"}}}}
	w, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := w.Produce(t.Context(), embedded.Record("orders", 0, nil, storagetest.Bytes(uint64(i), 1000))); err != nil {
			t.Fatal(err)
		}
	}
	patience, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var before embedded.Log
	for {
		if _, before = one(t, w, "orders", 0); before.Start > 70 {
			break
		}
		if patience.Err() != nil {
			t.Fatalf("nothing goes: %+v", before)
		}
		time.Sleep(time.Millisecond)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = start(t, o)
	if _, after := one(t, w, "orders", 0); after.End != 100 || after.Start < before.Start || after.Start == 100 {
		t.Errorf("after a restart the log is %+v, was %+v", after, before)
	}
}
