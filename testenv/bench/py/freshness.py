"""Tells how old the rows of a table were when the snapshot that brought them became visible.

The order, on the input: the table, when the catalog first named each snapshot (microseconds), and from when on rows count.
"""
import json
import sys

import numpy as np
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
        made = pc.cast(pq.read_table(f, columns=["at"]).column("at"), "int64").to_numpy()
    made = made[made >= order["from"]]
    if len(made):
        commits += 1
        ages.append((visible[snapshot] - made) / 1e6)
ages = np.concatenate(ages)
p50, p90, p99 = np.percentile(ages, [50, 90, 99])
counts = np.bincount(np.maximum(ages / 0.05, 0).astype(np.int64))
json.dump({"rows": len(ages), "commits": commits, "p50_s": p50, "p90_s": p90, "p99_s": p99, "most_s": ages.max(),
           "look_s": float(np.median(order["looks"])), "counts": counts.tolist()}, sys.stdout)
