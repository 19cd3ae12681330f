package pages

import (
	"fmt"
	"math/big"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/apache/iceberg-go"
)

func rootNode(sc *iceberg.Schema) (*schema.GroupNode, error) {
	fields, err := nodes(sc.Fields())
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNode("table", parquet.Repetitions.Required, fields, -1)
}

func nodes(fields []iceberg.NestedField) (schema.FieldList, error) {
	out := make(schema.FieldList, 0, len(fields))
	for _, f := range fields {
		n, err := node(f, f.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// node is f under another name: elements, keys and values have names of their own.
func node(f iceberg.NestedField, name string) (schema.Node, error) {
	rep, id := parquet.Repetitions.Optional, int32(f.ID)
	if f.Required {
		rep = parquet.Repetitions.Required
	}
	switch t := f.Type.(type) {
	case *iceberg.StructType:
		fields, err := nodes(t.FieldList)
		if err != nil {
			return nil, err
		}
		return schema.NewGroupNode(name, rep, fields, id)
	case *iceberg.ListType:
		element, err := node(t.ElementField(), "element")
		if err != nil {
			return nil, err
		}
		return repeated(name, rep, "list", schema.FieldList{element}, schema.NewListLogicalType(), id)
	case *iceberg.MapType:
		key, err := node(t.KeyField(), "key")
		if err != nil {
			return nil, err
		}
		value, err := node(t.ValueField(), "value")
		if err != nil {
			return nil, err
		}
		return repeated(name, rep, "key_value", schema.FieldList{key, value}, schema.MapLogicalType{}, id)
	}
	physical, width, logical, err := primitive(f.Type)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	return schema.NewPrimitiveNodeLogical(name, rep, logical, physical, width, id)
}

// repeated is a list or map: a group that holds a repeated group that holds fields.
func repeated(name string, rep parquet.Repetition, inner string, fields schema.FieldList, logical schema.LogicalType, id int32) (schema.Node, error) {
	group, err := schema.NewGroupNode(inner, parquet.Repetitions.Repeated, fields, -1)
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNodeLogical(name, rep, schema.FieldList{group}, logical, id)
}

// primitive is the physical type, its length where it is fixed, and the logical type of an Iceberg type.
func primitive(t iceberg.Type) (parquet.Type, int, schema.LogicalType, error) {
	const utc = true
	switch t := t.(type) {
	case iceberg.BooleanType:
		return parquet.Types.Boolean, 0, nil, nil
	case iceberg.Int32Type:
		return parquet.Types.Int32, 0, nil, nil
	case iceberg.Int64Type:
		return parquet.Types.Int64, 0, nil, nil
	case iceberg.Float32Type:
		return parquet.Types.Float, 0, nil, nil
	case iceberg.Float64Type:
		return parquet.Types.Double, 0, nil, nil
	case iceberg.DateType:
		return parquet.Types.Int32, 0, schema.DateLogicalType{}, nil
	case iceberg.TimeType:
		return parquet.Types.Int64, 0, schema.NewTimeLogicalType(!utc, schema.TimeUnitMicros), nil
	case iceberg.TimestampType:
		return parquet.Types.Int64, 0, schema.NewTimestampLogicalType(!utc, schema.TimeUnitMicros), nil
	case iceberg.TimestampTzType:
		return parquet.Types.Int64, 0, schema.NewTimestampLogicalType(utc, schema.TimeUnitMicros), nil
	case iceberg.TimestampNsType:
		return parquet.Types.Int64, 0, schema.NewTimestampLogicalType(!utc, schema.TimeUnitNanos), nil
	case iceberg.TimestampTzNsType:
		return parquet.Types.Int64, 0, schema.NewTimestampLogicalType(utc, schema.TimeUnitNanos), nil
	case iceberg.StringType:
		return parquet.Types.ByteArray, 0, schema.StringLogicalType{}, nil
	case iceberg.BinaryType:
		return parquet.Types.ByteArray, 0, nil, nil
	case iceberg.UUIDType:
		return parquet.Types.FixedLenByteArray, 16, schema.UUIDLogicalType{}, nil
	case iceberg.FixedType:
		return parquet.Types.FixedLenByteArray, t.Len(), nil, nil
	case iceberg.DecimalType:
		logical := schema.NewDecimalLogicalType(int32(t.Precision()), int32(t.Scale()))
		switch {
		case t.Precision() <= 9:
			return parquet.Types.Int32, 0, logical, nil
		case t.Precision() <= 18:
			return parquet.Types.Int64, 0, logical, nil
		}
		return parquet.Types.FixedLenByteArray, decimalWidth(t.Precision()), logical, nil
	}
	return 0, 0, nil, fmt.Errorf("type %s has no place in a Parquet file", t)
}

// decimalWidth is the fewest bytes that hold every decimal of a precision, with its sign.
func decimalWidth(precision int) int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	most.Sub(most, big.NewInt(1))
	return (most.BitLen() + 1 + 7) / 8
}
