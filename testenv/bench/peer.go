package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/tools"
)

// PeerVersion is of Iceberg's sink for Kafka Connect, and of the worker that it runs in.
const PeerVersion = "Apache Iceberg Kafka Connect 1.11.0, Kafka Connect 3.9.2"

// The peer's cards are good ones: two tasks for two cores, a fixed heap, long polls, and a commit every ten seconds.
const (
	peerHeap  = "2g"
	peerEvery = 10 * time.Second
)

// peer measures one run of Iceberg's sink for Kafka Connect, in a worker of its own.
func (r *rig) peer(ctx context.Context, topic, table string, shape shape) (run Run, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Minute, errors.New("it took more than half an hour"))
	defer cancel()
	if err := r.createTable(ctx, table, shape); err != nil {
		return run, err
	}
	name := fmt.Sprintf("connect-%d", r.runs)
	control := "control-" + name
	if err := load.Topic(ctx, r.world.Kafka.Addr, control, 1, nil); err != nil {
		return run, err
	}
	server, status, err := r.worker(ctx, name, control, topic, table)
	if err != nil {
		return run, err
	}
	before, err := r.spent()
	if err != nil {
		return run, err
	}
	began := time.Now()
	if err := server.Start(ctx); err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	ready := began
	for ready == began {
		if peerRuns(ctx, status) {
			ready = time.Now()
			run.Ready = ready.Sub(began).Seconds()
		}
		if err := pause(ctx, 100*time.Millisecond, server); err != nil {
			return run, err
		}
	}
	for rows := int64(0); rows < r.Rows; {
		past, err := r.history(ctx, table)
		if err != nil {
			return run, err
		}
		rows = 0
		for _, s := range past {
			if rows += s.rows; s.rows > 0 && run.First == 0 {
				run.First = s.at.Sub(ready).Seconds()
			}
			run.Wall = s.at.Sub(ready).Seconds()
		}
		if err := pause(ctx, 250*time.Millisecond, server); err != nil {
			return run, err
		}
	}
	if err := run.measure(server); err != nil {
		return run, err
	}
	if run.Others, err = r.spentSince(before); err != nil {
		return run, err
	}
	return run, r.contents(ctx, table, &run)
}

// pause waits, and fails if the process has ended meanwhile.
func pause(ctx context.Context, d time.Duration, s *real.Server) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return fmt.Errorf("%s: %w\n%s", s.Name, context.Cause(ctx), s.Log(3000))
	}
	if _, err := cpuSeconds(s.PID()); err != nil {
		return fmt.Errorf("%s ended before its time\n%s", s.Name, s.Log(3000))
	}
	return nil
}

// peerRuns tells whether all tasks run, by the worker's own word.
func peerRuns(ctx context.Context, status string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	body, err := request(ctx, http.MethodGet, status, nil)
	var answer struct{ Tasks []struct{ State string } }
	if err != nil || json.Unmarshal(body, &answer) != nil {
		return false
	}
	for _, t := range answer.Tasks {
		if t.State != "RUNNING" {
			return false
		}
	}
	return len(answer.Tasks) > 0
}

const peerLogs = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n
log4j.logger.org.reflections=ERROR
log4j.logger.org.apache.kafka.clients=WARN
`

// worker describes the process, which is not started yet, and names the address that tells how its tasks stand.
func (r *rig) worker(ctx context.Context, name, control, topic, table string) (*real.Server, string, error) {
	java, err := tools.Java(ctx)
	if err != nil {
		return nil, "", err
	}
	classPath, err := tools.ClassPath(ctx, tools.Worker)
	if err != nil {
		return nil, "", err
	}
	plugin, err := tools.Connect.Get(ctx)
	if err != nil {
		return nil, "", err
	}
	port, err := real.FreePort()
	if err != nil {
		return nil, "", err
	}
	rest := fmt.Sprintf("http://127.0.0.1:%d", port)
	dir := filepath.Join(r.logs, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", err
	}
	s3, cat := r.world.S3, r.world.Catalog
	files := map[string]string{
		"log4j.properties": peerLogs,
		"worker.properties": properties(map[string]any{
			"bootstrap.servers": r.world.Kafka.Addr, "listeners": rest, "plugin.path": plugin,
			"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
			"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": false,
			"offset.storage.file.filename": filepath.Join(dir, "offsets"), "offset.flush.interval.ms": 500,
		}),
		"sink.properties": properties(map[string]any{
			"name": name, "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector", "tasks.max": 2, "topics": topic,
			"iceberg.tables": table, "iceberg.control.topic": control,
			"iceberg.control.commit.interval-ms": peerEvery.Milliseconds(), "iceberg.control.commit.timeout-ms": 30_000,
			"iceberg.catalog.type": "rest", "iceberg.catalog.uri": cat.URI, "iceberg.catalog.warehouse": cat.Warehouse,
			"iceberg.catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO", "iceberg.catalog.s3.endpoint": s3.Endpoint,
			"iceberg.catalog.s3.path-style-access": true, "iceberg.catalog.s3.access-key-id": s3.AccessKey,
			"iceberg.catalog.s3.secret-access-key": s3.SecretKey, "iceberg.catalog.client.region": s3.Region,
			"iceberg.kafka.max.request.size": 64 << 20, "iceberg.tables.write-props.write.parquet.compression-codec": "zstd",
			"consumer.override.auto.offset.reset": "earliest", "consumer.override.max.poll.records": 10_000,
			"consumer.override.fetch.min.bytes": 1 << 20,
		}),
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, "", err
		}
	}
	server := real.New(name, dir, func() *exec.Cmd {
		// The sink looks for the worker's file in the command line: the main class, then that file.
		return exec.Command(java, "-Xms"+peerHeap, "-Xmx"+peerHeap, "-Dlog4j.configuration=file:"+filepath.Join(dir, "log4j.properties"), "-cp", classPath,
			"org.apache.kafka.connect.cli.ConnectStandalone", filepath.Join(dir, "worker.properties"), filepath.Join(dir, "sink.properties"))
	}, func(context.Context) error { return nil })
	return server, rest + "/connectors/" + name + "/status", nil
}

func properties(values map[string]any) string {
	var lines []string
	for k, v := range values {
		lines = append(lines, fmt.Sprintf("%s=%v\n", k, v))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// createTable makes the table as sinker would have made it: the same columns, not partitioned.
func (r *rig) createTable(ctx context.Context, table string, shape shape) error {
	sc, _, err := shape.schema()
	if err != nil {
		return err
	}
	space, name, _ := strings.Cut(table, ".")
	base := r.world.Catalog.URI + "/v1/namespaces"
	if _, err := request(ctx, http.MethodPost, base, map[string]any{"namespace": []string{space}}); err != nil && !strings.Contains(err.Error(), "409") {
		return err
	}
	_, err = request(ctx, http.MethodPost, base+"/"+space+"/tables", map[string]any{"name": name, "schema": sc,
		"properties": map[string]string{"format-version": "2", "write.parquet.compression-codec": "zstd"}})
	return err
}

// request sends JSON and returns the answer's body; any status but 200 is an error.
func request(ctx context.Context, method, address string, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.500s", method, address, resp.Status, answer)
	}
	return answer, err
}
