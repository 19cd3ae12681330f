package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go"
)

// transformNames are the transforms that a partition field may have, as they are written.
var transformNames = []string{"identity(col)", "bucket[n](col)", "truncate[n](col)", "year(col)", "month(col)", "day(col)", "hour(col)", "void(col)"}

// PartitionField is one entry of partition_by, read but not looked up in a schema.
type PartitionField struct {
	Column    string // dotted path
	Transform iceberg.Transform
}

// ParsePartitionField reads one entry of partition_by:
//
//	region   identity(region)   bucket[16](id)   bucket(16, id)   truncate[4](name)   truncate(4, name)   day(at)   void(old)
//
// year, month, day and hour are also known as years, months, days and hours. A column whose name holds brackets or commas stands in backquotes.
func ParsePartitionField(text string) (PartitionField, error) {
	f, err := parsePartitionField(strings.TrimSpace(text))
	if err != nil {
		return f, fmt.Errorf("partition_by %q: %w", text, err)
	}
	return f, nil
}

func parsePartitionField(s string) (PartitionField, error) {
	if s == "" {
		return PartitionField{}, fmt.Errorf("is empty; known are a column's name, %s", strings.Join(transformNames, ", "))
	}
	if s[0] == '`' {
		name, err := columnName(s)
		return PartitionField{name, iceberg.IdentityTransform{}}, err
	}
	open := strings.IndexAny(s, "([")
	if open < 0 {
		name, err := columnName(s)
		return PartitionField{name, iceberg.IdentityTransform{}}, err
	}
	name := strings.ToLower(strings.TrimSpace(s[:open]))
	width, rest := "", s[open:]
	if rest[0] == '[' {
		shut := strings.IndexByte(rest, ']')
		if shut < 0 {
			return PartitionField{}, fmt.Errorf("] is missing")
		}
		width, rest = strings.TrimSpace(rest[1:shut]), strings.TrimSpace(rest[shut+1:])
	}
	if len(rest) < 2 || rest[0] != '(' || rest[len(rest)-1] != ')' {
		return PartitionField{}, fmt.Errorf("the column must stand in ( ) at the end")
	}
	argument := strings.TrimSpace(rest[1 : len(rest)-1])
	if (name == "bucket" || name == "truncate") && width == "" {
		var ok bool
		if width, argument, ok = strings.Cut(argument, ","); !ok {
			return PartitionField{}, fmt.Errorf("%s needs a width: %s[16](column)", name, name)
		}
		width, argument = strings.TrimSpace(width), strings.TrimSpace(argument)
	}
	transform, err := parseTransform(name, width)
	if err != nil {
		return PartitionField{}, err
	}
	column, err := columnName(argument)
	return PartitionField{column, transform}, err
}

func columnName(s string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("the column is missing")
	}
	if s[0] == '`' {
		p := &typeParser{text: s}
		name, err := p.quotedName()
		if err == nil && p.at < len(s) {
			err = fmt.Errorf("%q after the column", s[p.at:])
		}
		return name, err
	}
	if strings.ContainsAny(s, "()[],`") {
		return "", fmt.Errorf("%q is no name of a column; one with brackets or commas must stand in backquotes", s)
	}
	return s, nil
}

func parseTransform(name, width string) (iceberg.Transform, error) {
	if name == "bucket" || name == "truncate" {
		n, err := strconv.Atoi(width)
		if err != nil || n < 1 || n > 1<<31-1 {
			return nil, fmt.Errorf("width %q of %s: must be a whole number from 1 to %d", width, name, 1<<31-1)
		}
		if name == "bucket" {
			return iceberg.BucketTransform{NumBuckets: n}, nil
		}
		return iceberg.TruncateTransform{Width: n}, nil
	}
	if width != "" {
		return nil, fmt.Errorf("%s takes no width", name)
	}
	switch name {
	case "identity":
		return iceberg.IdentityTransform{}, nil
	case "void":
		return iceberg.VoidTransform{}, nil
	case "year", "years":
		return iceberg.YearTransform{}, nil
	case "month", "months":
		return iceberg.MonthTransform{}, nil
	case "day", "days":
		return iceberg.DayTransform{}, nil
	case "hour", "hours":
		return iceberg.HourTransform{}, nil
	}
	names := []string{"identity", "bucket", "truncate", "year", "month", "day", "hour", "void"}
	return nil, fmt.Errorf("no transform %s; %s", name, nearest(name, names))
}

// partition makes the spec of sc.
func (b *builder) partition(sc *iceberg.Schema, entries []string) iceberg.PartitionSpec {
	found := b.partitionFaults(sc.Fields(), entries)
	if len(b.errs) > 0 {
		return iceberg.PartitionSpec{}
	}
	var fields []iceberg.PartitionField
	for i, f := range found {
		fields = append(fields, iceberg.PartitionField{SourceIDs: []int{f.source.ID}, FieldID: 1000 + i, Name: f.name, Transform: f.Transform})
	}
	return iceberg.NewPartitionSpec(fields...)
}

type boundField struct {
	PartitionField
	source iceberg.NestedField
	name   string
}

// partitionFaults reads the entries, looks their columns up and reports what is wrong.
func (b *builder) partitionFaults(columns []iceberg.NestedField, entries []string) []boundField {
	var found []boundField
	used := make(map[string]string) // partition field by name
	seen := make(map[string]string) // entry by column and kind of transform
	for _, entry := range entries {
		f, err := ParsePartitionField(entry)
		if err != nil {
			b.errs = append(b.errs, err)
			continue
		}
		source, why := lookUp(columns, f.Column)
		if why != "" {
			b.errorf("partition_by %q: %s", entry, why)
			continue
		}
		if _, broken := source.Type.(iceberg.UnknownType); broken {
			continue // reported with its column
		}
		if why := unfitFor(f.Transform, source.Type); why != "" {
			b.errorf("partition_by %q: %s", entry, why)
			continue
		}
		kind := f.Column + "\x00" + transformKind(f.Transform)
		if earlier, ok := seen[kind]; ok {
			b.errorf("partition_by %q: says the same of the column as %q", entry, earlier)
			continue
		}
		seen[kind] = entry
		name := partitionName(columns, f, used)
		used[name] = entry
		found = append(found, boundField{f, source, name})
	}
	return found
}

// transformKind is equal for transforms that Iceberg does not allow twice on one column.
func transformKind(t iceberg.Transform) string {
	switch t.(type) {
	case iceberg.YearTransform, iceberg.MonthTransform, iceberg.DayTransform, iceberg.HourTransform:
		return "time"
	}
	return t.String()
}

// lookUp finds the column of a dotted path. Literal names with dots come first.
func lookUp(columns []iceberg.NestedField, path string) (iceberg.NestedField, string) {
	var names []string
	for _, f := range columns {
		if f.Name == path {
			return f, ""
		}
		names = append(names, f.Name)
	}
	for _, f := range columns {
		rest, ok := strings.CutPrefix(path, f.Name+".")
		if !ok {
			continue
		}
		switch t := f.Type.(type) {
		case *iceberg.StructType:
			return lookUp(t.FieldList, rest)
		case *iceberg.ListType, *iceberg.MapType:
			return f, fmt.Sprintf("column %s lies inside a %s; a row has many of it", path, t.Type())
		}
	}
	return iceberg.NestedField{}, fmt.Sprintf("no column %s; %s", path, nearest(path, names))
}

// unfitFor says why the transform cannot be of a column of type t.
func unfitFor(tr iceberg.Transform, t iceberg.Type) string {
	if _, nested := t.(iceberg.NestedType); nested {
		return fmt.Sprintf("a column of type %s cannot be partitioned by; take a field inside of it", t.Type())
	}
	if _, ok := tr.(iceberg.IdentityTransform); ok {
		switch t.(type) {
		case iceberg.Float32Type, iceberg.Float64Type:
			return fmt.Sprintf("a column of type %s cannot be partitioned by: engines disagree on NaN and -0.0", t)
		}
	}
	if !tr.CanTransform(t) {
		return fmt.Sprintf("%s does not go with type %s", tr, Describe(t))
	}
	return ""
}

// partitionName derives the name of a partition field. Manifests are Avro, whose names are letters, digits and _, not
// beginning with a digit; whatever else a column's name holds is written as _.
func partitionName(columns []iceberg.NestedField, f PartitionField, used map[string]string) string {
	base := AvroName(f.Column)
	switch t := f.Transform.(type) {
	case iceberg.IdentityTransform:
	case iceberg.BucketTransform:
		base += fmt.Sprintf("_bucket_%d", t.NumBuckets)
	case iceberg.TruncateTransform:
		base += fmt.Sprintf("_trunc_%d", t.Width)
	case iceberg.VoidTransform:
		base += "_null"
	default:
		base += "_" + f.Transform.String()
	}
	name := base
	for n := 2; ; n++ {
		_, taken := used[name]
		// A partition field may have the name of a column only if it is that column's identity.
		_, column := columnNamed(columns, name)
		identity := false
		if _, ok := f.Transform.(iceberg.IdentityTransform); ok {
			identity = name == f.Column
		}
		if !taken && (!column || identity) {
			return name
		}
		name = fmt.Sprintf("%s_%d", base, n)
	}
}

func columnNamed(columns []iceberg.NestedField, path string) (iceberg.NestedField, bool) {
	f, why := lookUp(columns, path)
	return f, why == ""
}

// AvroName writes a name with letters, digits and _ alone, not beginning with a digit.
func AvroName(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= '0' && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}
