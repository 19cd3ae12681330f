"""Single Parquet files as pyarrow and DuckDB read them, each row against the truth that the writer's test wrote down.

The request names folders with 0.parquet, 1.parquet, ... and beside each n.rows (the truth, a JSON array a line) and n.kinds."""
import json
import os
import struct
import sys
from decimal import getcontext

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

getcontext().prec = 100


def spell(a, kind):
    """An Arrow array as a list of values in the truth's spelling."""
    if isinstance(a, pa.ChunkedArray):
        return [v for chunk in a.chunks for v in spell(chunk, kind)]
    if isinstance(a, pa.ExtensionArray):
        a = a.storage
    valid = a.is_valid().to_pylist()
    if isinstance(kind, dict) and "struct" in kind:
        fields = [spell(a.field(i), k) for i, k in enumerate(kind["struct"])]
        return [[f[i] for f in fields] if ok else None for i, ok in enumerate(valid)]
    if isinstance(kind, dict):
        offsets = a.offsets.to_pylist()
        if "list" in kind:
            values = spell(a.values, kind["list"])
        else:
            values = [list(p) for p in zip(spell(a.keys, kind["map"][0]), spell(a.items, kind["map"][1]))]
        return [values[offsets[i]:offsets[i + 1]] if ok else None for i, ok in enumerate(valid)]
    if kind == "date":
        a = a.view(pa.int32())
    elif kind in ("time", "timestamp"):
        a = a.view(pa.int64())
    elif kind == "decimal":
        scale = a.type.scale
        return [None if v is None else str(int(v.scaleb(scale))) for v in a.to_pylist()]
    values = a.to_pylist()
    if kind in ("int", "date", "time", "timestamp"):
        return [None if v is None else str(v) for v in values]
    if kind in ("f32", "f64"):
        code = ">f" if kind == "f32" else ">d"
        return [None if v is None else "nan" if v != v else struct.pack(code, v).hex() for v in values]
    if kind == "uuid":
        return [None if v is None else v.replace("-", "") if isinstance(v, str) else v.hex() for v in values]
    if kind == "bytes":
        return [None if v is None else v.hex() for v in values]
    return values


def difference(table, kinds, truth):
    """What differs, or nothing."""
    columns = [spell(table.column(i), kind) for i, kind in enumerate(kinds)]
    if table.num_rows != len(truth):
        return "%d rows, there are %d" % (table.num_rows, len(truth))
    for i, line in enumerate(truth):
        row, want = [c[i] for c in columns], json.loads(line)
        if row != want:
            return "row %d is %.1500s, want %.1500s" % (i, json.dumps(row), json.dumps(want))
    return None


def main():
    request = json.load(sys.stdin)
    lake = duckdb.connect(config={"threads": 1})
    lake.execute("SET arrow_lossless_conversion = true")
    faults = []
    for n in range(request["files"]):
        base = os.path.join(request["folder"], str(n))
        with open(base + ".rows", encoding="utf-8") as f:
            truth = f.read().split("\n")[:-1]
        with open(base + ".kinds", encoding="utf-8") as f:
            kinds = json.load(f)
        readers = {
            "pyarrow": lambda: pq.ParquetFile(base + ".parquet", page_checksum_verification=True).read(),
            "duckdb": lambda: lake.execute("SELECT * FROM read_parquet(?)", [base + ".parquet"]).to_arrow_table(),
        }
        for name, read in readers.items():
            try:
                fault = difference(read(), kinds, truth)
            except Exception as e:
                fault = "%s: %s" % (type(e).__name__, e)
            if fault:
                faults.append("file %d, %s: %s" % (n, name, fault))
    json.dump({"faults": faults}, sys.stdout)


main()
