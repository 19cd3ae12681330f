// Package schema is the pure rules of tables: which types sinker writes and how they are written down, whether a declared table is
// sound, whether a table that exists is the one that was declared, and what each table property means to sinker.
//
// Every function reports all faults it finds, each with what is wrong and what would be right.
package schema

import (
	"fmt"
	"strings"

	"github.com/apache/iceberg-go"
)

// Column is one column as the configuration declares it.
type Column struct {
	Name     string
	Type     string // as ParseType reads it
	Required bool
	Doc      string
}

// Describe writes a type as ParseType reads it, without field ids: "list<struct<a: int, b: string required>>".
func Describe(t iceberg.Type) string {
	switch t := t.(type) {
	case *iceberg.StructType:
		var parts []string
		for _, f := range t.FieldList {
			parts = append(parts, quoteName(f.Name)+": "+Describe(f.Type)+mark(f.Required))
		}
		return "struct<" + strings.Join(parts, ", ") + ">"
	case *iceberg.ListType:
		return "list<" + Describe(t.Element) + mark(t.ElementRequired) + ">"
	case *iceberg.MapType:
		return "map<" + Describe(t.KeyType) + ", " + Describe(t.ValueType) + mark(t.ValueRequired) + ">"
	case iceberg.DecimalType:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision(), t.Scale())
	}
	return t.String()
}

func mark(required bool) string {
	if required {
		return " required"
	}
	return ""
}

// quoteName writes a name of a struct's field so that ParseType reads it back.
func quoteName(name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && c != '-' && c < 0x80 && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return "`" + strings.ReplaceAll(name, "`", "``") + "`"
		}
	}
	if name == "" {
		return "``"
	}
	return name
}
