// Command tour is the other half of the README's five-minute tour: it brings up Apache Kafka, an Iceberg catalog and an object
// store on this machine, writes a configuration for them, and produces orders until Ctrl-C. Then it waits until the table holds
// every record that it produced, and has two readers that know nothing of sinker count it.
//
//	go run ./testenv/tour [--dir sinker-tour] [--world rest+versitygw] [--rate 500]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
)

const (
	topic      = "orders"
	table      = "shop.orders"
	partitions = 4
)

func main() {
	dir := flag.String("dir", "sinker-tour", "a new folder for servers, data and the configuration")
	world := flag.String("world", string(real.RESTVersityGW), "which servers: rest+versitygw, sqlite+file, postgresql+minio or nessie+versitygw")
	rate := flag.Int("rate", 500, "orders per second")
	flag.Parse()
	if err := tour(os.Stdout, *dir, real.Kind(*world), *rate); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

func tour(out io.Writer, dir string, kind real.Kind, rate int) (err error) {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("folder %s is there already: remove it, or choose another with --dir", dir)
	}
	shown := filepath.Join(dir, "sinker.yaml")
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	hurry := context.Background() // ended by Ctrl-C while servers start, and by a second one while the table is awaited
	starting, stop := signal.NotifyContext(hurry, os.Interrupt, syscall.SIGTERM)
	defer stop()

	fmt.Fprintf(out, "Starting Kafka and %s. The first time, they are downloaded.\n", kind)
	set := real.NewSet(dir)
	defer func() { err = errors.Join(err, set.Stop()) }()
	w, err := set.World(starting, kind)
	if err != nil {
		return err
	}
	if err := load.Topic(starting, w.Kafka.Addr, topic, partitions, nil); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "sinker.yaml"), []byte(configuration(w)), 0o600); err != nil {
		return err
	}
	stream, err := load.StartStream(w.Kafka.Addr, topic, partitions, rate, order)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `
Kafka has a topic "%s" that gets %d records a second. In another terminal, in this folder:

  bin/sinker check -c %[3]s        what sinker would do, and whether it can
  bin/sinker run -c %[3]s          do it; the page is at http://127.0.0.1:9400

Ctrl-C here ends the producer, waits until the table has everything, and counts it with DuckDB and pyiceberg.
`, topic, rate, shown)
	<-starting.Done()
	stop()

	n, err := stream.Stop(hurry)
	if err != nil {
		return err
	}
	waiting, enough := signal.NotifyContext(hurry, os.Interrupt, syscall.SIGTERM)
	defer enough()
	fmt.Fprintf(out, "\n%d records were produced. Waiting for sinker to bring the last of them; Ctrl-C to give up.\n", n)
	err = judge.Await(waiting, w, table, n)
	if waiting.Err() != nil {
		return fmt.Errorf("given up: %s does not hold all %d records yet; sinker was not running, or its page says what it waits for", table, n)
	}
	if err != nil {
		return err
	}
	return count(waiting, out, w, n)
}

// count has both readers count the table, and says what must come out.
func count(ctx context.Context, out io.Writer, w *real.World, n int64) error {
	t, err := judge.Of(ctx, w, table)
	if err != nil {
		return err
	}
	want := load.Spans(topic, n, partitions)
	for _, reader := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
		a, err := reader.Ask(ctx, t, judge.Question{
			Distinct: []string{"id"}, Spans: &judge.Spans{By: []string{"_kafka_topic", "_kafka_partition"}, Of: "_kafka_offset"},
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-10s %d rows, %d distinct ids, %d partitions\n", reader, a.Rows, a.Distinct["id"], len(a.Spans))
		if a.Rows != n || a.Distinct["id"] != n || !maps.Equal(a.Spans, want) {
			keys := slices.Sorted(maps.Keys(want))
			return fmt.Errorf("%s does not find what was produced: %v, want %v for %v", reader, a.Spans, want, keys)
		}
	}
	fmt.Fprintf(out, "Each of the %d records is in the table once, and nothing else.\n", n)
	return nil
}

// order is record i: small, and of every kind that people ask about first.
func order(i int64) []byte {
	return fmt.Appendf(nil, `{"id":%d,"at":%d,"customer":"customer-%d","price":"%d.%02d","tags":["t%d","t%d"]}`,
		i, time.Now().UnixMilli(), i%1000, i%500, i%100, i%7, i%3)
}

func configuration(w *real.World) string {
	s3 := ""
	if w.S3 != nil {
		s3 = fmt.Sprintf("s3:\n  endpoint: %s\n  region: %s\n  path_style: true\n  access_key: %s\n  secret_key: %s\n",
			w.S3.Endpoint, w.S3.Region, w.S3.AccessKey, w.S3.SecretKey)
	}
	return fmt.Sprintf(`# Every key: docs/configuration.md
sink: tour
kafka:
  brokers: [%q]
  instance_id: tour-0 # whoever comes back under this name has its partitions at once, without waiting for its former life to time out
catalog:
  type: %s
  uri: %q
  warehouse: %q
%stables:
  - topics: [%s]
    table: %s
    format: json
    create:
      columns:
        - {name: id, type: long, required: true}
        - {name: at, type: timestamptz}
        - {name: customer, type: string}
        - {name: price, type: "decimal(12,2)"}
        - {name: tags, type: "list<string>"}
      partition_by: [day(at)]
    columns: {at: {unit: ms}}
    kafka_columns: [topic, partition, offset]
commit: {every: 2s}
`, w.Kafka.Addr, w.Catalog.Type, w.Catalog.URI, w.Catalog.Warehouse, s3, topic, table)
}
