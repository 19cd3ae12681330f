"""Arrow tables as rows in the spelling of truth.py."""
import struct
from decimal import getcontext

import pyarrow as pa

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
    if kind == "string":
        return [v.decode() if isinstance(v, bytes) else v for v in values]
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


def rows_of(table, kinds):
    """An Arrow table as rows in the truth's spelling."""
    columns = [spell(table.column(i), kind) for i, kind in enumerate(kinds)]
    return [[c[i] for c in columns] for i in range(table.num_rows)]
