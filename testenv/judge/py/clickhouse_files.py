"""Single Parquet files as ClickHouse reads them, each row against the truth. Its lists and maps are never null, and a struct that is null is one of nothing."""
import json
import os
import sys

import pyarrow as pa
from chdb import session

import arrow
import truth

DEFAULTS = {"bool": False, "string": "", "bytes": "", "f32": "00000000", "f64": "0000000000000000", "uuid": "0" * 32}


def nothing(got, kind):
    """Whether this is what ClickHouse has where something above is null."""
    if got is None:
        return True
    if isinstance(kind, dict):
        return all(nothing(v, k) for v, k in zip(got, kind["struct"])) if "struct" in kind else got == []
    return got == DEFAULTS.get(kind, "0") or kind == "bytes" and set(got) <= {"0"}


def same(got, want, kind):
    if not isinstance(kind, dict):
        return got == want
    if want is None:
        return nothing(got, kind)
    if len(got) != len(want):
        return False
    if "struct" in kind:
        kinds = kind["struct"]
    else:
        kinds = [kind["list"] if "list" in kind else {"struct": kind["map"]}] * len(want)
    return all(same(g, w, k) for g, w, k in zip(got, want, kinds))


def main():
    request = json.load(sys.stdin)
    os.chdir("/")  # files are read below the current folder only
    s = session.Session()
    s.query("SET session_timezone = 'UTC', max_threads = 1, output_format_arrow_string_as_string = 0")

    def read(path, kinds):
        answer = s.query("SELECT * FROM file('%s', Parquet)" % path, "Arrow")
        return arrow.rows_of(pa.ipc.open_file(pa.BufferReader(answer.bytes())).read_all(), kinds)  # it lives in the answer's memory

    json.dump({"faults": truth.compare(request, {"clickhouse": read}, same)}, sys.stdout)


main()
