package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/writer"
)

// Catalogs that commits are measured on.
const (
	REST       = "rest"
	PostgreSQL = "postgresql"
)

// Cost is one commit.
type Cost struct {
	Number   int     `json:"number"` // counted from 1
	Wall     float64 `json:"wall_s"`
	CPU      float64 `json:"cpu_s"`    // of the committing process
	Others   float64 `json:"others_s"` // CPU seconds of catalog and store, in steps of 10 ms
	Metadata int64   `json:"metadata"` // bytes of the metadata file that it was made on
}

// Commits makes n commits of one small batch each, on a table that nobody else writes to, and tells what each of them cost: from the
// sealed batch until it is seen in the table. Each batch has a row of every partition, so that state and statistics are as large as they get.
func Commits(ctx context.Context, out io.Writer, o Options, on string, n int) (costs []Cost, err error) {
	r, err := startCatalog(ctx, out, o, on)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	c, err := r.committing(ctx, "bench.commits")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	r.say("%s: %d commits, %d partitions", on, n, o.Partitions)
	for i := 1; i <= n; i++ {
		m, err := c.batch(ctx)
		if err != nil {
			return costs, err
		}
		before, err := r.spent()
		if err != nil {
			return costs, err
		}
		cpu, began := ownCPU(), time.Now()
		receipt, err := c.committer.Commit(ctx, m)
		cost := Cost{Number: i, Wall: time.Since(began).Seconds(), CPU: ownCPU() - cpu, Metadata: receipt.View.MetadataSize}
		if err != nil {
			return costs, err
		}
		if len(receipt.Landed) != 1 {
			return costs, fmt.Errorf("commit %d did not land: %s", i, receipt.Why)
		}
		others, err := r.spentSince(before)
		if err != nil {
			return costs, err
		}
		for _, s := range others {
			cost.Others += s
		}
		costs = append(costs, cost)
		if i == 10 || i == 100 || i%1000 == 0 {
			r.say("%s: commit %d: %s", on, i, Around(costs, i))
		}
	}
	return costs, nil
}

// Around is the median of the commits next to one: it and the nine before, of 1,000 and later ones the 99 before.
func Around(costs []Cost, number int) Cost {
	width := 10
	if number >= 1000 {
		width = 100
	}
	set := costs[max(0, number-width):number]
	middle := func(of func(Cost) float64) float64 {
		var all []float64
		for _, c := range set {
			all = append(all, of(c))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	var others float64 // its steps are too coarse for a median
	for _, c := range set {
		others += c.Others
	}
	return Cost{Number: number, Wall: middle(func(c Cost) float64 { return c.Wall }), CPU: middle(func(c Cost) float64 { return c.CPU }),
		Others: others / float64(len(set)), Metadata: int64(middle(func(c Cost) float64 { return float64(c.Metadata) }))}
}

// String tells a cost in a line.
func (c Cost) String() string {
	return fmt.Sprintf("%.1f ms, %.2f ms CPU, %.1f ms CPU of the servers, metadata %.0f KiB", c.Wall*1e3, c.CPU*1e3, c.Others*1e3, float64(c.Metadata)/1024)
}

// startCatalog brings up a catalog and a store alone.
func startCatalog(ctx context.Context, out io.Writer, o Options, on string) (*rig, error) {
	dir, err := os.MkdirTemp(o.Dir, "servers-")
	if err != nil {
		return nil, err
	}
	r := &rig{Options: o, set: real.NewSet(dir), world: &real.World{Dir: dir}, servers: dir, out: out, began: time.Now()}
	if r.world.S3, err = r.set.VersityGW(ctx); err == nil {
		switch on {
		case REST:
			var c *real.Catalog
			if c, err = real.StartREST(ctx, dir, r.world.S3); err == nil {
				r.world.Catalog = *c
				r.more = append(r.more, c.Server)
			}
		case PostgreSQL:
			var pg *real.PostgreSQL
			if pg, err = r.set.PostgreSQL(ctx); err == nil {
				r.world.Catalog = real.Catalog{Server: pg.Server, Type: "sql", URI: pg.URI(), Warehouse: "s3://" + r.world.S3.Bucket + "/sql"}
			}
		default:
			err = fmt.Errorf("there is no catalog %q: want %s or %s", on, REST, PostgreSQL)
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.end())
	}
	return r, nil
}

// committing is a table and all that stands above it in the product, without a broker: a writer that seals batches, and the
// committer.
type committing struct {
	store     *storage.Router
	catalog   *catalog.Catalog
	committer *commit.Committer
	table     writer.Table
	cfg       writer.Config
	epoch     uint64
	at        offsets.Position
	partition []offsets.Partition
}

func (r *rig) committing(ctx context.Context, name string) (_ *committing, err error) {
	s3 := storage.S3Config{Endpoint: r.world.S3.Endpoint, Region: r.world.S3.Region, PathStyle: true, AccessKey: r.world.S3.AccessKey, SecretKey: r.world.S3.SecretKey}
	c := &committing{at: offsets.Position{}}
	if c.store, err = storage.Open(storage.Config{S3: s3}); err != nil {
		return nil, err
	}
	w := r.world.Catalog
	if c.catalog, err = catalog.Open(ctx, catalog.Config{Type: w.Type, URI: w.URI, Warehouse: w.Warehouse, Store: c.store, S3: &s3}); err != nil {
		return nil, err
	}
	sc, spec, err := shape{columns: sixColumns}.schema()
	if err != nil {
		return nil, err
	}
	if _, err := c.catalog.Create(ctx, name, sc, &spec, 2, nil); err != nil {
		return nil, err
	}
	table, err := c.catalog.Table(name, "", "bench")
	if err != nil {
		return nil, err
	}
	keeps := config.Defaults().Commit.History
	table.Retain = catalog.Retain{Age: keeps.Age.Std(), Snapshots: keeps.Snapshots, Bytes: int64(keeps.Bytes)}
	c.committer = &commit.Committer{Table: table, Name: name, Sink: "bench", Hash: "bench", Rollback: commit.Replay}
	marks := map[offsets.Partition]offsets.Mark{}
	topic := offsets.TopicID(uuid.New())
	for p := range r.Partitions {
		part := offsets.Partition{TopicID: topic, Topic: "bench", Num: p}
		marks[part] = offsets.Mark{Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
		c.partition = append(c.partition, part)
		c.at[part] = 0
	}
	done := false
	st, v, err := c.committer.Amend(ctx, func(commit.View, commit.State) (*commit.Edit, error) {
		if done {
			return nil, nil
		}
		done = true
		return &commit.Edit{Cluster: "bench", Set: marks}, nil
	})
	if err != nil {
		return nil, err
	}
	c.epoch = st.Epoch
	if c.table, err = table.Describe(v); err != nil {
		return nil, err
	}
	decoder, err := decode.New("json", c.table.Schema, decode.Options{})
	if err != nil {
		return nil, err
	}
	c.cfg = writer.Config{Sink: "bench", Decoder: decoder}
	return c, nil
}

// batch stages one file with a row of every partition.
func (c *committing) batch(ctx context.Context) (*manifest.Manifest, error) {
	b := writer.NewBatch(c.table, c.cfg, c.epoch, c.at)
	defer b.Abort()
	for i, p := range c.partition {
		o := c.at[p]
		rec := &kgo.Record{Offset: o, Value: appendSix(nil, o*int64(len(c.partition))+int64(i))}
		if err := b.Append(ctx, writer.Run{Partition: p, Range: offsets.Range{From: o, To: o + 1}, Records: []*kgo.Record{rec}}); err != nil {
			return nil, err
		}
		c.at[p] = o + 1
	}
	return b.Seal(ctx)
}

func (c *committing) close() error {
	err := c.catalog.Close()
	c.store.Close()
	return err
}

// ownCPU is what this process has spent so far, in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail with these arguments
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
