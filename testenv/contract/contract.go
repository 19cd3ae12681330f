// Package contract puts every real catalog, store and broker that the tests know through the suites that say what sinker needs of
// them: commit/committest, storage/storagetest, source/sourcetest. What each catalog keeps is declared here, measured there, and
// printed in docs/catalogs.md. [Liar] is a catalog that breaks its word in ways of its own, to see who catches it.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/apache/iceberg-go"
	sqlcat "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"
)

// Foreign is somebody else's client of one table. It knows nothing of sinker, and requires nothing of the table's state.
type Foreign struct {
	Load   func() (table.Metadata, error)
	Commit func(ups ...table.Update) error
	Remake func() error // drop the table and create it again
}

// RESTForeign speaks to a REST catalog at root, which is an address without the /v1 and may end in a prefix of the catalog's.
func RESTForeign(ctx context.Context, root, namespace, name string, create func() error) *Foreign {
	at := root + "/namespaces/" + namespace + "/tables/" + name
	return &Foreign{
		Load: func() (table.Metadata, error) {
			raw, err := ask(ctx, http.MethodGet, at+"?snapshots=all", nil)
			if err != nil {
				return nil, err
			}
			var r struct{ Metadata json.RawMessage }
			if err := json.Unmarshal(raw, &r); err != nil {
				return nil, err
			}
			return table.ParseMetadataBytes(r.Metadata)
		},
		Commit: func(ups ...table.Update) error {
			_, err := ask(ctx, http.MethodPost, at, map[string]any{"requirements": []any{}, "updates": ups})
			return err
		},
		Remake: func() error {
			if _, err := ask(ctx, http.MethodDelete, at+"?purgeRequested=false", nil); err != nil {
				return err
			}
			return create()
		},
	}
}

// SQLForeign is iceberg-go's own catalog on the same database.
func SQLForeign(ctx context.Context, cat *sqlcat.Catalog, namespace, name string, create func() error) *Foreign {
	id := table.Identifier{namespace, name}
	return &Foreign{
		Load: func() (table.Metadata, error) {
			tb, err := cat.LoadTable(ctx, id)
			if err != nil {
				return nil, err
			}
			return tb.Metadata(), nil
		},
		Commit: func(ups ...table.Update) error {
			_, _, err := cat.CommitTable(ctx, id, nil, ups)
			return err
		},
		Remake: func() error {
			if err := cat.DropTable(ctx, id); err != nil {
				return err
			}
			return create()
		},
	}
}

// RESTRoot asks a REST catalog for the prefix of its paths.
func RESTRoot(ctx context.Context, uri, warehouse string) (string, error) {
	raw, err := ask(ctx, http.MethodGet, uri+"/v1/config?warehouse="+warehouse, nil)
	if err != nil {
		return "", err
	}
	var c struct{ Defaults, Overrides map[string]string }
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", err
	}
	props := maps.Clone(c.Defaults)
	if props == nil {
		props = map[string]string{}
	}
	maps.Copy(props, c.Overrides)
	if p := props["prefix"]; p != "" {
		return uri + "/v1/" + p, nil
	}
	return uri + "/v1", nil
}

var client = &http.Client{Timeout: time.Minute}

func ask(ctx context.Context, method, at string, body any) ([]byte, error) {
	var in io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, at, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, at, resp.Status, raw)
	}
	return raw, nil
}

// next is a snapshot on top of the newest state of the table, with the content of another.
func next(m table.Metadata, parent *int64, content table.Snapshot, summary map[string]string) *table.Snapshot {
	s := content
	s.SnapshotID, s.ParentSnapshotID, s.SequenceNumber = rand.Int64()>>1+1, parent, m.LastSequenceNumber()+1
	s.TimestampMs = max(time.Now().UnixMilli(), m.LastUpdatedMillis()+1)
	s.Summary = &table.Summary{Operation: table.OpAppend, Properties: summary}
	if m.Version() >= 3 { // no rows are added
		first, none := m.NextRowID(), int64(0)
		s.FirstRowID, s.AddedRows = &first, &none
	}
	return &s
}

const branch = "main"

func point(id int64) table.Update {
	return table.NewSetSnapshotRefUpdate(branch, id, table.BranchRef, 0, 0, 0)
}

var errNoHead = errors.New("the table has no snapshot")

// put commits a snapshot that what makes of the table's head.
func (f *Foreign) put(before []table.Update, what func(table.Metadata, table.Snapshot) (*table.Snapshot, error)) error {
	m, err := f.Load()
	if err != nil {
		return err
	}
	head := m.CurrentSnapshot()
	if head == nil {
		return errNoHead
	}
	s, err := what(m, *head)
	if err != nil {
		return err
	}
	return f.Commit(append(before, table.NewAddSnapshotUpdate(s), point(s.SnapshotID))...)
}

// Append implements committest.Foreigner: an empty append.
func (f *Foreign) Append() error {
	return f.put(nil, func(m table.Metadata, head table.Snapshot) (*table.Snapshot, error) {
		return next(m, &head.SnapshotID, head, map[string]string{"engine-name": "somebody"}), nil
	})
}

// Point implements committest.Foreigner.
func (f *Foreign) Point(id int64) error { return f.Commit(point(id)) }

// Expire implements committest.Foreigner.
func (f *Foreign) Expire(ids ...int64) error {
	m, err := f.Load()
	if err != nil {
		return err
	}
	var ups []table.Update
	for name, ref := range m.Refs() { // a reference would keep its snapshot
		if slices.Contains(ids, ref.SnapshotID) && name != branch {
			ups = append(ups, table.NewRemoveSnapshotRefUpdate(name))
		}
	}
	return f.Commit(append(ups, table.NewRemoveSnapshotsUpdate(ids, false))...)
}

// CherryPick implements committest.Foreigner.
func (f *Foreign) CherryPick(id int64) error {
	return f.put(nil, func(m table.Metadata, head table.Snapshot) (*table.Snapshot, error) {
		picked := m.SnapshotByID(id)
		if picked == nil {
			return nil, fmt.Errorf("snapshot %d is not listed", id)
		}
		return next(m, &head.SnapshotID, *picked, map[string]string{"source-snapshot-id": strconv.FormatInt(id, 10)}), nil
	})
}

// Replace implements committest.Foreigner.
func (f *Foreign) Replace() error {
	return f.put([]table.Update{table.NewRemoveSnapshotRefUpdate(branch)}, func(m table.Metadata, head table.Snapshot) (*table.Snapshot, error) {
		return next(m, nil, head, map[string]string{}), nil
	})
}

// Recreate implements committest.Foreigner.
func (f *Foreign) Recreate() error { return f.Remake() }

// Spoil implements committest.Foreigner.
func (f *Foreign) Spoil(sink string) error {
	return f.Set([2]string{"sinker.mirror." + sink, "nonsense"})
}

// Forget implements committest.Foreigner.
func (f *Foreign) Forget(sink string) error {
	m, err := f.Load()
	if err != nil {
		return err
	}
	ups := []table.Update{table.NewRemovePropertiesUpdate([]string{"sinker.mirror." + sink})}
	for name := range m.Refs() {
		if name == "sinker_"+sink {
			ups = append(ups, table.NewRemoveSnapshotRefUpdate(name))
		}
	}
	return f.Commit(ups...)
}

// Tag implements committest.Foreigner.
func (f *Foreign) Tag(name string, id int64) error {
	return f.Commit(table.NewSetSnapshotRefUpdate(name, id, table.TagRef, 0, 0, 0))
}

// Set implements committest.Foreigner.
func (f *Foreign) Set(properties ...[2]string) error {
	p := iceberg.Properties{}
	for _, kv := range properties {
		p[kv[0]] = kv[1]
	}
	return f.Commit(table.NewSetPropertiesUpdate(p))
}
