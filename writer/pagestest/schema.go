package pagestest

import (
	"fmt"
	"math/rand/v2"

	"github.com/apache/iceberg-go"
)

// gen draws everything of a case.
type gen struct {
	rng     *rand.Rand
	options Options
	ids     int
	budget  int
}

func pick[T any](g *gen, of ...T) T { return of[g.rng.IntN(len(of))] }

func (g *gen) properties() iceberg.Properties {
	p := iceberg.Properties{
		"write.parquet.compression-codec": pick(g, "zstd", "zstd", "zstd", "snappy", "gzip", "brotli", "lz4_raw", "uncompressed"),
		"sinker.parquet.encodings":        pick(g, "compact", "compact", "plain"),
		"write.parquet.page-size-bytes":   pick(g, "4096", "65536", "1048576"),
		"write.parquet.dict-size-bytes":   pick(g, "1024", "2097152", "2097152"),
	}
	if g.options.Narrow && p["write.parquet.compression-codec"] == "brotli" {
		p["write.parquet.compression-codec"] = "zstd"
	}
	if g.rng.IntN(3) == 0 {
		p["write.parquet.bloom-filter-enabled.column.c1"] = "true"
	}
	return p
}

func (g *gen) id() int { g.ids++; return g.ids }

// fields draws n fields with at most depth levels below them.
func (g *gen) fields(n, depth int) []iceberg.NestedField {
	var out []iceberg.NestedField
	for range n {
		id := g.id()
		out = append(out, iceberg.NestedField{ID: id, Name: fmt.Sprint("c", id), Type: g.typ(depth), Required: g.rng.IntN(4) == 0})
	}
	return out
}

func (g *gen) typ(depth int) iceberg.Type {
	if depth > 0 && g.rng.IntN(3) == 0 {
		switch g.rng.IntN(3) {
		case 0:
			return &iceberg.StructType{FieldList: g.fields(1+g.rng.IntN(3), depth-1)}
		case 1:
			return &iceberg.ListType{ElementID: g.id(), Element: g.typ(depth - 1), ElementRequired: g.rng.IntN(3) == 0}
		}
		return &iceberg.MapType{KeyID: g.id(), KeyType: pick[iceberg.Type](g, iceberg.StringType{}, iceberg.Int32Type{}, iceberg.Int64Type{}),
			ValueID: g.id(), ValueType: g.typ(depth - 1), ValueRequired: g.rng.IntN(3) == 0}
	}
	switch g.rng.IntN(14) {
	case 0:
		return iceberg.BooleanType{}
	case 1:
		return iceberg.Int32Type{}
	case 2:
		return iceberg.Int64Type{}
	case 3:
		return iceberg.Float32Type{}
	case 4:
		return iceberg.Float64Type{}
	case 5:
		return iceberg.DateType{}
	case 6:
		if g.options.Narrow {
			return iceberg.DateType{}
		}
		return iceberg.TimeType{}
	case 7:
		if !g.options.NoNanoseconds && g.rng.IntN(3) == 0 {
			return pick[iceberg.Type](g, iceberg.TimestampNsType{}, iceberg.TimestampTzNsType{})
		}
		return pick[iceberg.Type](g, iceberg.TimestampType{}, iceberg.TimestampTzType{})
	case 8:
		return iceberg.BinaryType{}
	case 9:
		return iceberg.UUIDType{}
	case 10:
		return iceberg.FixedTypeOf(pick(g, 1, 4, 16, 33))
	case 11, 12:
		precision := 1 + g.rng.IntN(38)
		return iceberg.DecimalTypeOf(precision, g.rng.IntN(precision+1))
	}
	return iceberg.StringType{}
}
