"""DuckDB turns lines of JSON into one Parquet file. The order is a JSON object; the answer is another."""
import json
import os
import resource
import sys
import time

import duckdb

order = json.loads(sys.argv[1])
with open(order["from"], "rb") as f:  # into the page cache, where the topic is too
    while f.read(1 << 24):
        pass
db = duckdb.connect(config={"threads": order["threads"]})
db.execute("SET TimeZone = 'UTC'")
db.execute("SET enable_progress_bar = false")  # it would be printed before the answer
columns = ", ".join(f"'{name}': '{kind}'" for name, kind in order["columns"].items())
before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
db.execute(f"COPY (SELECT * FROM read_json('{order['from']}', format = 'newline_delimited', columns = {{{columns}}})) "
           f"TO '{order['to']}' (FORMAT parquet, COMPRESSION zstd)")
wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
rows, distinct = db.execute(f"SELECT count(*), count(DISTINCT {order['id']}) FROM '{order['to']}'").fetchone()
print(json.dumps({"rows": rows, "distinct": distinct, "wall": wall, "rss": after.ru_maxrss * 1024, "bytes": os.path.getsize(order["to"]),
                  "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}))
os.unlink(order["to"])
