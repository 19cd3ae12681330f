"""pyiceberg reads an Iceberg table into Arrow; all arithmetic is Arrow's."""
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

import common
import lake

WIDE = pa.decimal128(38, 0)


def pick(batch, path):
    names = path.split(".")
    out = batch.column(names[0])
    for name in names[1:]:
        out = pc.struct_field(out, name)
    return out


def measure(kind, a):
    """What of each value is summed, or None."""
    if kind == "int":
        return a.cast(WIDE)
    if kind == "date":
        return a.cast(pa.int32()).cast(WIDE)
    if kind == "timestamp":
        return a.cast(pa.timestamp("us", a.type.tz)).cast(pa.int64()).cast(WIDE)
    if kind == "bool":
        return a.cast(pa.int32())
    if kind in ("string", "binary"):
        return pc.binary_length(a)
    if kind in ("list", "map"):
        return pc.list_value_length(a) if kind == "list" else pa.array([None if v is None else len(v) for v in a.to_pylist()], pa.int64())
    return a if kind in ("float", "decimal") else None


class Column:
    """Collects one column over the batches of a scan."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.nulls, self.sum, self.low, self.high = 0, None, None, None

    def take(self, batch):
        a = pick(batch, self.name)
        if self.kind == "string" or self.kind == "binary":
            a = a.cast(pa.large_string() if self.kind == "string" else pa.large_binary())
        if self.kind == "list" and pa.types.is_struct(a.type.value_type):
            self.nulls = None  # pyiceberg 0.12 rebuilds lists of structs, and a null one comes out empty
        if self.nulls is not None:
            self.nulls += a.null_count
        if len(a) == a.null_count:
            return
        m = measure(self.kind, a)
        if m is not None:
            part = pc.sum(m).as_py()
            part = part if self.kind == "float" else Decimal(part)
            self.sum = part if self.sum is None else self.sum + part
        if self.kind in ("list", "map", "bool"):
            return
        ends = pc.min_max(m if self.kind in ("date", "timestamp") else self.text(a)).as_py()
        self.low = ends["min"] if self.low is None else min(self.low, ends["min"])
        self.high = ends["max"] if self.high is None else max(self.high, ends["max"])

    def text(self, a):
        if self.kind == "uuid":
            return pa.array([None if v is None else str(v) for v in a.to_pylist()])
        return a

    def answer(self):
        show = (lambda v: None if v is None else v.hex()) if self.kind == "binary" else (lambda v: v)
        return {"nulls": self.nulls, "sum": common.total(self.kind, self.sum),
                "min": common.edge(self.kind, show(self.low)), "max": common.edge(self.kind, show(self.high))}


def expression(f):
    v = f["value"]
    if f["kind"] == "timestamp":
        v = "'" + v.replace(" ", "T") + "+00:00'"
    elif f["kind"] in ("string", "date"):
        v = "'" + v.replace("'", "''") + "'"
    return f"{f['column']} {f['op']} {v}"


def ask(t, q):
    table = lake.table(t)
    columns = [Column(c["name"], c["kind"]) for c in q.get("columns") or []]
    distinct, span = q.get("distinct") or [], q.get("spans")
    keep = list(distinct) + (span["by"] + [span["of"]] if span else [])
    fields = {c.name.split(".")[0] for c in columns} | {k.split(".")[0] for k in keep}
    kept, rows = {k: [] for k in keep}, 0
    scan = table.scan(selected_fields=tuple(fields)) if fields else table.scan()
    for batch in scan.to_arrow_batch_reader():
        rows += batch.num_rows
        for c in columns:
            c.take(batch)
        for k in kept:
            kept[k].append(pick(batch, k))
    answer = {"rows": rows, "columns": {c.name: c.answer() for c in columns}, "distinct": {}}
    whole = {k: pa.chunked_array(v) if v else pa.chunked_array([], pa.int64()) for k, v in kept.items()}
    for d in distinct:
        answer["distinct"][d] = pc.count_distinct(whole[d]).as_py()
    if span:
        n, of = len(span["by"]), span["of"]
        grouped = pa.table({k: whole[k] for k in span["by"] + [of]}).group_by(span["by"]).aggregate(
            [(of, "count"), (of, "count_distinct"), (of, "min"), (of, "max")])
        names = span["by"] + [of + s for s in ("_count", "_count_distinct", "_min", "_max")]
        answer["spans"] = common.spans(q, zip(*[grouped.column(k).to_pylist() for k in names]))
    if q.get("filter"):
        chosen = table.scan(row_filter=expression(q["filter"]), selected_fields=(q["filter"]["column"],))
        answer["filtered"] = chosen.to_arrow().num_rows
        answer["files_read"], answer["files"] = len(list(chosen.plan_files())), len(list(table.scan().plan_files()))
    return answer


if __name__ == "__main__":
    common.serve(ask)
