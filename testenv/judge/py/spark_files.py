"""Single Parquet files as Iceberg's reader for Spark finds them, each row against the truth. Each file becomes a table of its own, of the schema in n.schema:
where no column is nested, the reader is the vectorised one.

Spark turns values into numbers itself where Python's own types cannot hold them: times of all centuries, and zones."""
import json
import os
import struct
import uuid
from decimal import getcontext

import truth

getcontext().prec = 100


def spelled(value, t, kind):
    """SQL for a column in words that Python takes without loss: see tell()."""
    if isinstance(kind, dict) and "struct" in kind:
        parts = ", ".join("'f%d', %s" % (i, spelled("%s.`%s`" % (value, f.name), f.dataType, k)) for i, (f, k) in enumerate(zip(t.fields, kind["struct"])))
        return "if(%s IS NULL, NULL, named_struct(%s))" % (value, parts)
    if isinstance(kind, dict) and "list" in kind:
        name = "e%d" % len(value)  # longer with each level, so that none hides another
        return "transform(%s, %s -> %s)" % (value, name, spelled(name, t.elementType, kind["list"]))
    if isinstance(kind, dict):
        name, (key, item) = "m%d" % len(value), kind["map"]
        return "transform(map_entries(%s), %s -> named_struct('k', %s, 'v', %s))" % (
            value, name, spelled(name + ".key", t.keyType, key), spelled(name + ".value", t.valueType, item))
    if kind == "date":
        return "unix_date(%s)" % value
    if kind == "timestamp":
        return "unix_micros(CAST(%s AS TIMESTAMP))" % value  # the session's zone is UTC
    return value


def tell(v, t, kind):
    """A value from Spark in the truth's spelling; t is the type that it has in the table."""
    if v is None:
        return None
    if isinstance(kind, dict):
        if "struct" in kind:
            return [tell(x, f.dataType, k) for x, f, k in zip(v, t.fields, kind["struct"])]
        if "list" in kind:
            return [tell(x, t.elementType, kind["list"]) for x in v]
        return [[tell(x["k"], t.keyType, kind["map"][0]), tell(x["v"], t.valueType, kind["map"][1])] for x in v]
    if kind in ("int", "date", "timestamp"):
        return str(v)
    if kind in ("f32", "f64"):
        return "nan" if v != v else struct.pack(">f" if kind == "f32" else ">d", v).hex()
    if kind == "decimal":
        return str(int(v.scaleb(t.scale)))
    if kind == "uuid":
        return uuid.UUID(v).hex
    if kind == "bytes":
        return bytes(v).hex()
    return v


def table_of(spark, path, location):
    """A table that consists of one file."""
    base, iceberg = path.removesuffix(".parquet"), spark._jvm.org.apache.iceberg
    with open(base + ".schema", encoding="utf-8") as f:
        schema = json.load(f)
    with open(base + ".rows", encoding="utf-8") as f:
        rows = sum(1 for _ in f)
    os.makedirs(location + "/metadata")
    with open(location + "/metadata/v1.metadata.json", "w", encoding="utf-8") as f:  # whoever asks a catalog for a table gets other field ids
        json.dump({"format-version": 2, "table-uuid": str(uuid.uuid4()), "location": location, "last-sequence-number": 0, "last-updated-ms": 0,
                   "last-column-id": 1_000_000, "schemas": [schema], "current-schema-id": schema["schema-id"], "default-spec-id": 0,
                   "partition-specs": [{"spec-id": 0, "fields": []}], "last-partition-id": 999, "default-sort-order-id": 0,
                   "sort-orders": [{"order-id": 0, "fields": []}], "properties": {}}, f)
    table = iceberg.hadoop.HadoopTables(spark._jsc.hadoopConfiguration()).load(location)
    data = iceberg.DataFiles.builder(table.spec()).withPath(path).withFormat("parquet").withFileSizeInBytes(os.path.getsize(path)).withRecordCount(rows).build()
    table.newAppend().appendFile(data).commit()
    return spark.read.format("iceberg").load(location)


def compare(spark, request):
    def read(path, kinds):
        table = table_of(spark, path, path + ".table")
        types = [f.dataType for f in table.schema.fields]
        rows = table.selectExpr(*[spelled("`%s`" % f.name, f.dataType, k) + " AS c%d" % i for i, (f, k) in enumerate(zip(table.schema.fields, kinds))])
        return [[tell(v, t, k) for v, t, k in zip(row, types, kinds)] for row in rows.collect()]

    return truth.compare(request, {"spark": read})
