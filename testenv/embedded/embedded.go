// Package embedded is the outside world in one process, up in milliseconds: a Kafka-compatible broker, a place
// for a SQLite catalog, and a warehouse that is a local folder or an S3 store. Tests and the demo run on it.
//
// With Options.Dir the broker's records, topics, their ids, the cluster id and group offsets stay in that
// folder, and survive a kill: the broker answers a producer only after the records were written to their file.
// The loss of power can cost the last records unless Options.Sync is set. To bound the folder give topics
// retention.bytes; records go only when others come, so a stopped world loses none.
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sinker-io/sinker/storage"
)

// Options say what world is wanted. The zero value is one with no topic, in memory and a temporary folder.
type Options struct {
	Dir    string  // keeps everything between runs; empty: a temporary folder that Close removes
	Topics []Topic // made if they do not exist
	S3     bool    // the warehouse is an S3 store in memory, gone with the process; else a folder
	Port   int     // of the broker; 0: a free one
	Sync   bool    // fsync each batch of records: survives the loss of power, at the cost of speed
	Nodes  int     // brokers, for tests of moved leaders; 0: 1

	Kafka      []kfake.Opt                            // more for the broker: TLS, SASL, old versions
	AroundS3   func(server http.Handler) http.Handler // between client and S3 store, for faults
	SweepEvery time.Duration                          // how often a topic's retention is applied; 0: 30 s with Dir, else never
}

// Topic is a topic to make.
type Topic struct {
	Name       string
	Partitions int32             // 0: 1
	Configs    map[string]string // as Kafka names them: retention.bytes, cleanup.policy, …
}

// World is a running world. All of it ends with Close.
type World struct {
	Dir        string
	Brokers    []string // host:port
	ClusterID  string
	CatalogURI string           // sqlite:PATH, for the configuration's catalog.uri
	CatalogDB  string           // the path alone
	Warehouse  string           // file:///… or s3://lake/warehouse
	S3         storage.S3Config // how to reach the S3 store; zero if there is none
	Cluster    *kfake.Cluster   // for faults, moved leaders and what else a test may want

	temporary bool
	unlock    func()
	server    *http.Server
	served    error // why the S3 server ended before its time; read after running ended
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// ErrBusy says that another process runs a world in the same folder.
var ErrBusy = errors.New("another process uses this folder")

// S3Key and S3Secret open the S3 store, as they would any other.
const S3Key, S3Secret = "sinker", "sinker-embedded"

// Start brings a world up. It waits for nothing but the folder's files to be read.
func Start(ctx context.Context, o Options) (_ *World, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &World{Dir: o.Dir, unlock: func() {}, stop: func() {}}
	defer func() {
		if err != nil {
			w.Close()
			err = fmt.Errorf("embedded world: %w", err)
		}
	}()
	if err := w.openDir(o.Dir); err != nil {
		return nil, err
	}
	if err := w.startBroker(o); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	w.CatalogDB = filepath.Join(w.Dir, "catalog.db")
	w.CatalogURI = "sqlite:" + w.CatalogDB
	w.Warehouse = "file://" + filepath.Join(w.Dir, "warehouse")
	if o.S3 {
		if err := w.startS3(o.AroundS3); err != nil {
			return nil, fmt.Errorf("s3 store: %w", err)
		}
	}
	every := o.SweepEvery
	if every == 0 && o.Dir != "" {
		every = 30 * time.Second
	}
	if every > 0 {
		w.sweep(every)
	}
	return w, nil
}

func (w *World) openDir(dir string) (err error) {
	if dir == "" {
		w.temporary = true
		w.Dir, err = os.MkdirTemp("", "sinker-world-")
		return err
	}
	if w.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(w.Dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(w.Dir, "lock"))
	if err != nil {
		return fmt.Errorf("%s: %w", w.Dir, err)
	}
	w.unlock = unlock
	return nil
}

func (w *World) startBroker(o Options) error {
	nodes := max(o.Nodes, 1)
	opts := []kfake.Opt{
		kfake.NumBrokers(nodes), kfake.DefaultNumPartitions(1), kfake.ClusterID(newClusterID()),
		// Tests do not wait ten seconds for a group to notice a dead member.
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
	}
	if o.Port != 0 {
		opts = append(opts, kfake.Ports(o.Port))
	}
	if !w.temporary {
		// Without an age limit unless a topic sets one: a partition that retention has emptied altogether begins at 0 again
		// when the broker is restarted.
		opts = append(opts, kfake.DataDir(filepath.Join(w.Dir, "kafka")), kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1"}))
	}
	if o.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(append(opts, o.Kafka...)...)
	if err != nil {
		return err
	}
	w.Cluster, w.Brokers = cluster, cluster.ListenAddrs()
	for _, t := range o.Topics {
		if cluster.TopicInfo(t.Name) != nil {
			continue
		}
		if err := cluster.CreateTopic(t.Name, max(t.Partitions, 1), t.Configs); err != nil {
			return fmt.Errorf("topic %s: %w", t.Name, err)
		}
	}
	return nil
}

// newClusterID is random, as Kafka's are: worlds are different clusters. One in a folder keeps its first.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func (w *World) startS3(around func(http.Handler) http.Handler) error {
	backend := s3mem.New()
	if err := backend.CreateBucket("lake"); err != nil {
		return err
	}
	handler := gofakes3.New(backend).Server()
	if around != nil {
		handler = around(handler)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.server = &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	w.running.Go(func() {
		if err := w.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			w.served = err
		}
	})
	w.Warehouse = "s3://lake/warehouse"
	w.S3 = storage.S3Config{Endpoint: "http://" + ln.Addr().String(), Region: "us-east-1", PathStyle: true, AccessKey: S3Key, SecretKey: S3Secret}
	return nil
}

// sweep applies the topics' retention, which the broker does not do by itself.
func (w *World) sweep(every time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
				w.Cluster.ApplyRetention()
			}
		}
	})
}

// Close ends everything, and removes a temporary folder. Clients must have been closed before.
func (w *World) Close() error {
	w.stop()
	var errs []error
	if w.server != nil {
		errs = append(errs, w.server.Close())
	}
	w.running.Wait()
	errs = append(errs, w.served)
	if w.Cluster != nil {
		w.Cluster.Close()
	}
	w.unlock()
	w.unlock = func() {}
	if w.temporary && w.Dir != "" {
		errs = append(errs, os.RemoveAll(w.Dir))
	}
	return errors.Join(errs...)
}

// Config is the head of a sinker configuration for this world, up to but without tables.
func (w *World) Config(sink string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sink: %s\nkafka:\n  brokers: [", sink)
	for i, at := range w.Brokers {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", at)
	}
	fmt.Fprintf(&b, "]\ncatalog:\n  type: sql\n  uri: %q\n  warehouse: %q\n", w.CatalogURI, w.Warehouse)
	if w.S3.Endpoint != "" {
		fmt.Fprintf(&b, "s3:\n  endpoint: %q\n  region: %s\n  path_style: true\n  access_key: %s\n  secret_key: %s\n", w.S3.Endpoint, w.S3.Region, S3Key, S3Secret)
	}
	return b.String()
}

// Store opens the warehouse. Close what it returns before the world.
func (w *World) Store() (*storage.Router, error) { return storage.Open(storage.Config{S3: w.S3}) }
