"""DuckDB reads an Iceberg table by its exact metadata file, or, where there is none to name, through its REST catalog."""
import importlib.util
import os
import pathlib
import re

import duckdb

import common

D = "duckdb"


def connect(t):
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "2"})
    for name in ("httpfs", "avro", "iceberg"):  # each needs the one before
        home = pathlib.Path(importlib.util.find_spec("duckdb_extension_" + name).origin).parent
        con.execute(f"LOAD '{home}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    con.execute(f"SET TimeZone = '{os.environ.get('TZ', 'UTC')}'")
    s3 = t.get("s3")
    if s3:
        con.execute(f"""CREATE SECRET store (TYPE s3, KEY_ID '{s3["access_key"]}', SECRET '{s3["secret_key"]}', REGION '{s3["region"]}',
                        ENDPOINT '{s3["endpoint"].split("//")[1]}', URL_STYLE 'path', USE_SSL {str(s3["endpoint"].startswith("https")).lower()})""")
    if t["name"].endswith(".parquet"):
        return con, f"read_parquet('{t['name']}')"  # the source itself, not a table
    if t.get("metadata"):
        return con, f"iceberg_scan('{common.local(t['metadata'])}')"
    con.execute(f"ATTACH '{t['warehouse']}' AS ice (TYPE iceberg, ENDPOINT '{t['uri']}', AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')")
    return con, "ice." + ".".join(f'"{p}"' for p in t["name"].split("."))


def ask(t, q):
    con, source = connect(t)
    answer = common.read(D, q, con.sql(f"SELECT {', '.join(common.select(D, q))} FROM {source}").fetchone())
    if q.get("spans"):
        keys, parts = common.group(D, q)
        rows = con.sql(f"SELECT {', '.join(keys + parts)} FROM {source} GROUP BY ALL").fetchall()
        answer["spans"] = common.spans(q, rows)
    if q.get("filter"):
        sql = f"SELECT count(*) FROM {source} WHERE {common.where(D, q['filter'])}"
        answer["filtered"] = con.sql(sql).fetchone()[0]
        plan = "\n".join(row[1] for row in con.sql("EXPLAIN ANALYZE " + sql).fetchall())
        files = re.search(r"Total Files Read:\s*(\d+)", plan)
        answer["files_read"] = int(files.group(1)) if files else None
    return answer


if __name__ == "__main__":
    common.serve(ask)
