package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/embedded"
)

type demoOptions struct {
	dir   string
	rate  float64
	lasts time.Duration
	port  int
}

const (
	demoTopic      = "orders"
	demoTable      = "shop.orders"
	demoPartitions = 4
)

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work: broker, catalog, warehouse, orders and sinker in one process",
		Long: `Runs everything in one process, with nothing installed: a Kafka-compatible broker, a SQLite catalog, a
warehouse in a local folder, a generator of orders, and sinker with its status page. All data is in --dir. Ctrl-C
ends it; started again in the same folder, it goes on exactly where it stopped, however it ended.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if o.rate <= 0 || o.rate > 1e6 {
				return usage("--rate %v: want orders a second, more than 0, at most 1000000", o.rate)
			}
			if o.lasts < 0 || o.port < 0 || o.port > 65535 {
				return usage("--for and --port must not be negative, and --port at most 65535")
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.demo(ctx, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.dir, "dir", "sinker-demo", "`FOLDER` for all data; made if it is not there")
	f.Float64Var(&o.rate, "rate", 100, "`ORDERS` a second")
	f.DurationVar(&o.lasts, "for", 0, "end by itself after this `TIME`, as in 30s or 5m")
	f.IntVar(&o.port, "port", 9400, "`PORT` of the status page on 127.0.0.1; if it is taken, a free one")
	return c
}

func (a *app) demo(ctx context.Context, o demoOptions) error {
	if o.lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.lasts)
		defer cancel()
	}
	world, err := embedded.Start(ctx, embedded.Options{Dir: o.dir, Topics: []embedded.Topic{{Name: demoTopic, Partitions: demoPartitions}}})
	if errors.Is(err, embedded.ErrBusy) {
		return &exit{exitFailed, fmt.Errorf("another demo runs in %s: end it, or choose another folder with --dir", o.dir)}
	}
	if err != nil {
		return &exit{exitFailed, err}
	}
	defer world.Close()
	ctx, stopOrders := context.WithCancel(ctx)
	defer stopOrders()
	orders := data.Orders(1)
	cfg, file, err := demoConfig(world, orders, freePort(o.port))
	if err != nil {
		return &exit{exitFailed, err}
	}
	// The orders end first, then the sink, so that what was sent is in the table when the demo has ended.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	made := make(chan error, 1)
	var status func() sink.Status
	serving := func(page string, how func() sink.Status) {
		status = how
		greet(a.out, world, file, page)
		go func() {
			err := world.Feed(ctx, demoTopic, orders, o.rate)
			catchUp(world, status)
			stop()
			made <- err
		}()
	}
	err = a.run(running, cfg, false, serving)
	if status == nil { // it did not come that far
		return err
	}
	stopOrders()
	return errors.Join(err, <-made)
}

// catchUp waits until the sink has received what the topic holds; a sink that cannot is not waited for long.
func catchUp(w *embedded.World, status func() sink.Status) {
	logs, err := w.Logs(demoTopic)
	if err != nil {
		return
	}
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		behind := len(logs)
		for _, t := range status().Tables {
			for _, p := range t.Partitions {
				if p.Fetched >= logs[p.Partition].End {
					behind--
				}
			}
		}
		if behind <= 0 {
			return
		}
	}
}

// demoConfig writes the configuration of the demo into its folder, for the reader to look at and to use with other
// commands, and reads it.
func demoConfig(w *embedded.World, orders *data.Stream, port int) (*config.Config, string, error) {
	text := "# Written by `sinker demo`. The broker runs only while the demo does.\n" + w.Config("demo") +
		"tables:\n" + orders.Table(demoTopic, demoTable) + "    kafka_columns: [partition, offset]\n" +
		"commit: {every: 2s}\n" + fmt.Sprintf("admin: 127.0.0.1:%d\n", port)
	file := filepath.Join(w.Dir, "sinker.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, "", err
	}
	cfg, err := config.Load(file)
	return cfg, file, err
}

// freePort is the port asked for, or a free one if it is taken.
func freePort(port int) int {
	for _, p := range []int{port, 0} {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err == nil {
			defer ln.Close()
			return ln.Addr().(*net.TCPAddr).Port
		}
	}
	return port
}

// greet says where to look, and how to read the table with other programs.
func greet(out io.Writer, w *embedded.World, file, page string) {
	fmt.Fprintf(out, `
  %s

  broker      %s, topic %s
  catalog     %s
  warehouse   %s
  settings    %s

Count the orders while they come, with pyiceberg (pip install "pyiceberg[pyarrow,sql-sqlite]"):

  %s

or with DuckDB (pip install duckdb; it fetches its extension iceberg once):

  %s

Ctrl-C ends it; the next start in the same folder goes on where it stopped.

`, page, strings.Join(w.Brokers, ","), demoTopic, w.CatalogDB, w.Warehouse, file, pyicebergLine(w), duckdbLine(w))
}

func pyicebergLine(w *embedded.World) string {
	return fmt.Sprintf(`python3 -c 'from pyiceberg.catalog.sql import SqlCatalog as C; print(C("ice", uri="sqlite:///%s").load_table("%s").scan().to_arrow().num_rows, "orders")'`,
		w.CatalogDB, demoTable)
}

func duckdbLine(w *embedded.World) string {
	return fmt.Sprintf(`python3 -c "import duckdb, sqlite3; `+
		`m = sqlite3.connect('%s').execute('SELECT metadata_location FROM iceberg_tables').fetchone()[0]; `+
		`print(duckdb.sql('SELECT count(*) AS orders, count(DISTINCT id) AS ids, max(\"at\") AS newest FROM iceberg_scan(?)', params=[m]))"`, w.CatalogDB)
}
