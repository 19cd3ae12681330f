package storm

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// events are the names by which the oracle knows what earns a STOP.
var events = map[string]string{"replaced table": "replace", "recreated": "recreate", "cherry-pick": "cherry-pick"}

// oracle lets the judge of the simulation judge a real table: from its metadata as pyiceberg reads it, from the listing of the
// store, and from the ids in the files themselves.
func (s *Storm) oracle(ctx context.Context, c *camp, f *field, table judge.Table) (snapshots int, err error) {
	d, err := judge.Describe(ctx, table)
	if err != nil {
		return 0, err
	}
	t := &oracle.Table{Name: f.table, Head: d.Head, Snapshots: map[int64]*oracle.Snapshot{}, Live: map[int64]bool{}}
	for _, x := range d.Snapshots {
		snap := &oracle.Snapshot{ID: x.ID, Parent: x.Parent, Sequence: x.Sequence, Replaced: -1}
		if x.Parent == 0 && c.unparented[f.table] { // pyiceberg's expiry took it away: whatever it was, it is not known
			snap.Parent = -1
		}
		if err := oracle.ParseSummary(x.Summary, snap); err != nil {
			return 0, fmt.Errorf("%s: %w", f.table, err)
		}
		for _, n := range x.Files {
			snap.Files = append(snap.Files, oracle.File(d.Files[n]))
		}
		t.Snapshots[x.ID], t.Live[x.ID] = snap, true
	}
	w := oracle.World{Tables: []*oracle.Table{t}, Objects: d.Objects, Complete: true, Records: make(map[int64]oracle.Record, f.n),
		IDs: c.reader(ctx)}
	for i := range f.n {
		w.Records[i] = oracle.Record{Table: f.table, Sink: c.sink(), Part: f.part(int32(i % partitions)), Offset: i / partitions}
	}
	for p, end := range f.ends() {
		w.Ends = append(w.Ends, oracle.End{Table: f.table, Sink: c.sink(), Part: f.part(int32(p)), Offset: end})
	}
	c.mu.Lock()
	for _, x := range c.stops {
		if x.table == f.table {
			w.Stops = append(w.Stops, oracle.Stop{Sink: c.sink(), Table: x.table, Reason: x.reason})
		}
	}
	for _, reason := range c.provoked[f.table] {
		w.Events = append(w.Events, oracle.Event{Name: events[reason], Table: f.table})
	}
	c.mu.Unlock()
	for _, v := range oracle.Judge(w) {
		s.broken("%s: oracle: %s", c.name, v)
	}
	return len(d.Snapshots), nil
}

func (f *field) part(n int32) oracle.Part { return oracle.Part{Topic: f.topic, ID: f.id, Num: n} }

// reader reads the ids in a data file of the store.
func (c *camp) reader(ctx context.Context) func(path string) ([]int64, error) {
	x := c.world.S3
	client := s3.New(s3.Options{Region: x.Region, BaseEndpoint: aws.String(x.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(x.AccessKey, x.SecretKey, "")})
	return func(path string) ([]int64, error) {
		bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "s3://"), "/")
		if !ok {
			return nil, fmt.Errorf("%s is no object", path)
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return nil, err
		}
		defer got.Body.Close()
		data, err := io.ReadAll(got.Body)
		if err != nil {
			return nil, err
		}
		return oracle.ReadIDs(data, "id")
	}
}
