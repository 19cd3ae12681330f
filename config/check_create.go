package config

import (
	"fmt"
	"strings"
)

// checkCreate looks at the columns of a table to be made.
func (r *reader) checkCreate(path string, t *Table) {
	seen := map[string]string{}
	for i, c := range t.Create.Columns {
		p := at(path+".columns", i)
		if c.Name == "" {
			continue
		}
		lower := strings.ToLower(c.Name)
		if first, ok := seen[lower]; ok {
			what := fmt.Sprintf("column %q is here twice", c.Name)
			if first != c.Name {
				what = fmt.Sprintf("columns %q and %q differ in case only, which several engines cannot read", first, c.Name)
			}
			r.say(p+".name", what, "each name once", "")
		}
		seen[lower] = c.Name
	}
}
