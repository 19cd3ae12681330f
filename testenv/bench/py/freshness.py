"""Tells how old the rows of a table were when the snapshot that brought them became visible.

The order, on the input: the table, when the catalog first named each snapshot (microseconds), and from when on rows count.
"""
import json
import statistics
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import StaticTable

order = json.load(sys.stdin)
t, visible = order["table"], {int(k): v for k, v in order["visible"].items()}
s3 = t["s3"]
table = StaticTable.from_metadata(t["metadata"], {
    "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", "s3.endpoint": s3["endpoint"], "s3.access-key-id": s3["access_key"],
    "s3.secret-access-key": s3["secret_key"], "s3.region": s3["region"], "s3.force-virtual-addressing": "false"})
ages, commits = [], 0
for snapshot, data_file in zip(*[table.inspect.entries().column(c).to_pylist() for c in ("snapshot_id", "data_file")]):
    with table.io.new_input(data_file["file_path"]).open() as f:
        made = pc.cast(pq.read_table(f, columns=["at"]).column("at"), "int64")
    made = made.filter(pc.greater_equal(made, order["from"]))
    if len(made):
        commits += 1
        ages.extend(pc.subtract(visible[snapshot], made).chunks)
ages = pa.chunked_array(ages)
p50, p90, p99, most = (q.as_py() / 1e6 for q in pc.quantile(ages, q=[0.5, 0.9, 0.99, 1]))
steps = {c["values"]: c["counts"] for c in pc.value_counts(pc.divide(pc.max_element_wise(ages, 0), 50_000)).to_pylist()}
json.dump({"rows": len(ages), "commits": commits, "p50_s": p50, "p90_s": p90, "p99_s": p99, "most_s": most,
           "look_s": statistics.median(order["looks"]), "counts": [steps.get(i, 0) for i in range(max(steps) + 1)]}, sys.stdout)
