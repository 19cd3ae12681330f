"""Single Parquet files as pyarrow, which checks the pages' checksums, and DuckDB read them, each row against the truth."""
import json
import sys

import duckdb
import pyarrow.parquet as pq

import arrow
import truth


def main():
    lake = duckdb.connect(config={"threads": 1})
    lake.execute("SET arrow_lossless_conversion = true")
    faults = truth.compare(json.load(sys.stdin), {
        "pyarrow": lambda path, kinds: arrow.rows_of(pq.ParquetFile(path, page_checksum_verification=True).read(), kinds),
        "duckdb": lambda path, kinds: arrow.rows_of(lake.execute("SELECT * FROM read_parquet(?)", [path]).to_arrow_table(), kinds),
    })
    json.dump({"faults": faults}, sys.stdout)


main()
