"""All rows of one table as DuckDB or pyiceberg reads them, each value in one spelling: whole numbers and floats as JSON numbers,
floats that JSON lacks as strings, decimals, UUIDs, dates, times and timestamps as strings, bytes as hex, maps as lists of pairs."""
import json
import math
import sys

import pyarrow as pa

import duckdb_reader
import lake

DAY = 86_400


def civil(days):
    """Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar."""
    z = days + 719_468
    era, doe = divmod(z, 146_097)
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


def clock(value, per_second, digits):
    seconds, rest = divmod(value, per_second)
    return "%02d:%02d:%02d.%0*d" % (seconds // 3600, seconds // 60 % 60, seconds % 60, digits, rest)


def moment(value, per_second, digits, zone):
    days, within = divmod(value, DAY * per_second)
    return "%04d-%02d-%02dT%s%s" % (*civil(days), clock(within, per_second, digits), "Z" if zone else "")


def text(v):
    """One Arrow scalar."""
    if not v.is_valid:
        return None
    if isinstance(v, pa.ExtensionScalar):
        v = v.value
        if pa.types.is_fixed_size_binary(v.type) and v.type.byte_width == 16:
            h = v.as_py().hex()
            return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))
    t = v.type
    if pa.types.is_map(t):
        return [[text(e["key"]), text(e["value"])] for e in v.values] if v.values is not None else []
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return [text(e) for e in v.values] if v.values is not None else []
    if pa.types.is_struct(t):
        return {k: text(v[k]) for k in v}
    if pa.types.is_date(t):
        return "%04d-%02d-%02d" % civil(v.value)
    if pa.types.is_timestamp(t):
        per, digits = {"us": (10**6, 6), "ns": (10**9, 9)}[t.unit]
        return moment(v.value, per, digits, t.tz)
    if pa.types.is_time(t):
        return clock(v.value, 10**6, 6)
    p = v.as_py()
    if isinstance(p, bytes):
        return p.hex()
    if isinstance(p, float) and not math.isfinite(p):
        return "NaN" if math.isnan(p) else ("-" if p < 0 else "") + "Infinity"
    if isinstance(p, (bool, int, float, str)):
        return p
    return format(p, "f") if hasattr(p, "as_tuple") else str(p)


def read(reader, t):
    if reader == "pyiceberg":
        return lake.table(t).scan().to_arrow()
    con, source = duckdb_reader.connect(t)
    return con.sql(f"SELECT * FROM {source}").to_arrow_table()


if __name__ == "__main__":
    request = json.load(sys.stdin)
    found = read(request["reader"], request["table"])
    names, rows = found.column_names, []
    for i in range(found.num_rows):
        rows.append({n: text(found.column(k)[i]) for k, n in enumerate(names)})
    print(json.dumps({"rows": rows}))
