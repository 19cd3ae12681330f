package catalog

import (
	"context"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// guarded opens a few connections and no more.
type guarded struct {
	driver.Connector
	opened, most int
}

var errNoMore = errors.New("no more connections")

func (g *guarded) Connect(ctx context.Context) (driver.Conn, error) {
	if g.opened++; g.opened > g.most {
		return nil, errNoMore
	}
	return g.Connector.Connect(ctx)
}

// Whoever stands around a sql catalog's connections sees each of them, and what it says is what the catalog meets.
func TestConfig_ConnectorSeesEveryConnection(t *testing.T) {
	g := &guarded{most: 1}
	cfg := Config{Type: "sql", URI: "sqlite:" + filepath.Join(t.TempDir(), "catalog.db"), Warehouse: "file://" + t.TempDir(), Store: storage.NewFiles(),
		Connector: func(c driver.Connector) driver.Connector { g.Connector = c; return g }}
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if g.opened != 1 {
		t.Errorf("%d connections were seen", g.opened)
	}
	if _, err := Open(t.Context(), cfg); !errors.Is(err, errNoMore) || classOf(err) != commit.Unknown {
		t.Errorf("%v", err)
	}
}
