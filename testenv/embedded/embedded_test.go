package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
	"github.com/sinker-io/sinker/testenv/embedded"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, o embedded.Options) *embedded.World {
	t.Helper()
	w, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func values(t *testing.T, w *embedded.World, topic string, from int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	recs, err := w.Read(ctx, topic, 0, from)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range recs {
		out = append(out, fmt.Sprintf("%d:%s", r.Offset, r.Value))
	}
	return strings.Join(out, " ")
}

func send(t *testing.T, values ...string) []*kgo.Record {
	var recs []*kgo.Record
	for _, v := range values {
		recs = append(recs, embedded.Record("orders", 0, nil, []byte(v)))
	}
	return recs
}

func one(t *testing.T, w *embedded.World, topic string, num int32) (offsets.Partition, embedded.Log) {
	t.Helper()
	logs, err := w.Logs(topic)
	if err != nil {
		t.Fatal(err)
	}
	for p, l := range logs {
		if p.Num == num {
			return p, l
		}
	}
	t.Fatalf("no partition %d", num)
	return offsets.Partition{}, embedded.Log{}
}

func TestWorld_TransactionsAndTheirTraces(t *testing.T) {
	w := start(t, embedded.Options{Topics: []embedded.Topic{{Name: "orders", Partitions: 2}}})
	if err := errors.Join(
		w.Produce(t.Context(), send(t, "a", "b")...),
		w.ProduceTxn(t.Context(), "tx", true, send(t, "c")...),
		w.ProduceTxn(t.Context(), "tx", false, send(t, "never")...),
		w.Produce(t.Context(), send(t, "d")...),
	); err != nil {
		t.Fatal(err)
	}
	if got := values(t, w, "orders", 0); got != "0:a 1:b 2:c 6:d" {
		t.Errorf("readers of committed records see %s", got)
	}
	end, err := w.OpenTxn(t.Context(), "open", send(t, "pending")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Produce(t.Context(), send(t, "behind")...); err != nil {
		t.Fatal(err)
	}
	if _, l := one(t, w, "orders", 0); l != (embedded.Log{Start: 0, Stable: 7, End: 9}) {
		t.Errorf("with an open transaction the log is %+v", l)
	}
	if err := end(true); err != nil {
		t.Fatal(err)
	}
	if got := values(t, w, "orders", 6); got != "6:d 7:pending 8:behind" {
		t.Errorf("after it: %s", got)
	}
}

func TestWorld_LogsChangeUnderUs(t *testing.T) {
	w := start(t, embedded.Options{Topics: []embedded.Topic{{Name: "orders"}}})
	if err := w.Produce(t.Context(), send(t, "a", "b", "c")...); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteRecords("orders", 0, 2); err != nil {
		t.Fatal(err)
	}
	first, l := one(t, w, "orders", 0)
	if l != (embedded.Log{Start: 2, Stable: 3, End: 3}) {
		t.Errorf("after the deletion the log is %+v", l)
	}
	if err := w.AddPartitions(t.Context(), "orders", 2); err != nil {
		t.Fatal(err)
	}
	if _, l := one(t, w, "orders", 2); l != (embedded.Log{}) {
		t.Errorf("a new partition is %+v", l)
	}
	if err := w.RecreateTopic(embedded.Topic{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	again, l := one(t, w, "orders", 0)
	if again.TopicID == first.TopicID || again.TopicID == (offsets.TopicID{}) || l.End != 0 {
		t.Errorf("the new topic has the id %v, was %v, and the log %+v", again.TopicID, first.TopicID, l)
	}
	if _, err := w.Logs("nothing"); err == nil {
		t.Error("a topic that is not there has logs")
	}
}

func TestWorld_S3Warehouse(t *testing.T) {
	w := start(t, embedded.Options{S3: true})
	s, err := w.Store()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storagetest.Run(t, s, storagetest.Options{Base: w.Warehouse})
	if !strings.Contains(w.Config("x"), w.S3.Endpoint) || !strings.HasPrefix(w.Warehouse, "s3://lake/") {
		t.Error(w.Config("x"))
	}
}

func TestWorld_FolderWarehouseAndConfig(t *testing.T) {
	w := start(t, embedded.Options{})
	s, err := w.Store()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), w.Warehouse+"/t/x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), w.Warehouse+"/t/y"); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
	for _, want := range []string{"sink: orders", w.Brokers[0], "sqlite:" + w.Dir, "file://" + w.Dir} {
		if !strings.Contains(w.Config("orders"), want) {
			t.Errorf("the configuration lacks %q:\n%s", want, w.Config("orders"))
		}
	}
}

func TestWorld_IsUpInMilliseconds(t *testing.T) {
	const worlds = 20
	begin := time.Now()
	for range worlds {
		w, err := embedded.Start(t.Context(), embedded.Options{S3: true, Topics: []embedded.Topic{{Name: "a", Partitions: 8}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v a world, up and down", time.Since(begin)/worlds)
}

func TestWorld_OneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	w, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: dir}); !errors.Is(err, embedded.ErrBusy) {
		t.Errorf("a second world in the same folder: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Options{Dir: dir})
}
