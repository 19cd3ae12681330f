package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/fitness"
)

// Finding is one thing that a probe found out.
type Finding = fitness.Finding

// ErrUnfit says that the catalog lacks what exactly-once needs.
var ErrUnfit = errors.New("this catalog cannot keep sinker's promise")

// probeSink is the sink id of the probe's commits.
const probeSink = "probe"

// Probe finds out what the catalog really keeps, on a scratch table that it makes and drops (its few small files stay
// in the warehouse). The capabilities found are the catalog's from then on. An error that is ErrUnfit says that something required is missing;
// any other one, that the probe could not be carried out.
func (c *Catalog) Probe(ctx context.Context) (commit.Capabilities, []Finding, error) {
	namespace := orElse(c.cfg.Properties["sinker.probe-namespace"], "sinker_probe")
	name := namespace + ".probe_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	id, err := parseIdent(name)
	if err != nil {
		return commit.Capabilities{}, nil, fmt.Errorf("probe: %w", err)
	}
	schema := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64})
	if _, err = c.Create(ctx, name, schema, nil, 2, nil); err != nil {
		return commit.Capabilities{}, nil, wrap(err, "probe")
	}
	defer func() {
		// After a cancel, too: the scratch table must not stay.
		after := context.WithoutCancel(ctx)
		if err := c.back.drop(after, id); err != nil {
			c.log.Warn("the probe's table stays", "table", name, "error", err)
			return
		}
		_ = c.back.dropNamespace(after, id.namespace) // refused while others probe
	}()
	t, err := c.Table(name, "", probeSink)
	if err != nil {
		return commit.Capabilities{}, nil, fmt.Errorf("probe: %w", err)
	}
	caps, found, err := fitness.Measure(ctx, t, probeSink)
	if err != nil {
		return caps, found, wrap(err, "probe")
	}
	c.setCapabilities(caps)
	if f := fitness.Unfit(found); f != nil {
		return caps, found, fmt.Errorf("%w: %s: %s", ErrUnfit, f.What, f.Found)
	}
	return caps, found, nil
}
