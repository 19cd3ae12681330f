package config

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/schema"
)

// checkCreate looks at the table to be made, with the rules that will make it.
func (r *reader) checkCreate(path string, t *Table) {
	broken := false
	for i, c := range t.Create.Columns {
		p := at(path+".columns", i)
		broken = broken || c.Name == "" || c.Type == ""
		if c.Name == "" || c.Type == "" {
			continue
		}
		if _, err := schema.ParseType(c.Type); err != nil {
			what, want, hint := parts(err)
			r.say(p+".type", what, want, hint)
			broken = true
		}
	}
	for i, f := range t.Create.PartitionBy {
		if _, err := schema.ParsePartitionField(f); err != nil && f != "" {
			what, want, hint := parts(err)
			r.say(at(path+".partition_by", i), what, want, hint)
			broken = true
		}
	}
	version, ok := t.Create.FormatVersion()
	if !ok {
		r.say(path+".properties.format-version", "sinker makes tables of format version 2 and 3", `"2" or "3"`, "")
	}
	if broken || len(t.Create.Columns) == 0 {
		return
	}
	_, _, errs := schema.Build(t.Create.Declared(), t.KafkaColumns, t.Create.PartitionBy, version)
	for _, err := range errs {
		what, want, hint := parts(err)
		r.say(r.blame(path, t, err.Error()), what, want, hint)
	}
}

// parts takes an error of the rules apart: what is wrong, what is wanted, what was meant.
func parts(err error) (what, want, hint string) {
	what = err.Error()
	if before, after, ok := strings.Cut(what, "; did you mean "); ok {
		return before, "", "did you mean " + after
	}
	if before, after, ok := strings.Cut(what, "; it is called "); ok {
		return before, "", didYouMean(strings.TrimSuffix(after, " there"))
	}
	return what, "", ""
}

// blame is the path of the column or partition field that an error of schema.Build begins with.
func (r *reader) blame(path string, t *Table, msg string) string {
	best, found := 0, path+".columns"
	for i, c := range t.Create.Columns {
		for _, prefix := range []string{"column " + c.Name + ":", "column " + c.Name + ".", fmt.Sprintf("column %q", c.Name), "column " + c.Name + " "} {
			if strings.HasPrefix(msg, prefix) && len(prefix) >= best {
				best, found = len(prefix), at(path+".columns", i)
			}
		}
	}
	if best > 0 {
		return found
	}
	for i, f := range t.Create.PartitionBy {
		if strings.Contains(msg, f) {
			return at(path+".partition_by", i)
		}
	}
	return found
}

// Declared is the columns as schema.Build takes them.
func (c *Create) Declared() []schema.Column {
	out := make([]schema.Column, len(c.Columns))
	for i, col := range c.Columns {
		out[i] = schema.Column{Name: col.Name, Type: col.Type, Required: col.Required, Doc: col.Doc}
	}
	return out
}

// FormatVersion is the Iceberg format version of the table to be made: property format-version, default 2. It is
// false for versions that sinker does not make.
func (c *Create) FormatVersion() (int, bool) {
	switch c.Properties["format-version"] {
	case "", "2":
		return 2, true
	case "3":
		return 3, true
	}
	return 2, false
}
