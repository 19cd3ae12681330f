"""What the readers share: the question as SQL of three dialects, and the one spelling of an answer.

An answer is text or None throughout: whole numbers and decimals in full and without trailing zeros, dates as days and
times as microseconds since 1970, binary as hex, sums of floating point to nine digits (their order is not fixed).
"""
import json
import math
import sys
from decimal import Decimal, getcontext

getcontext().prec = 100  # sums of decimals with 38 digits must be exact


def plain(value):
    """A number as text, the same for 1, 1.0 and 1.00."""
    if value is None:
        return None
    text = format(Decimal(str(value)), "f")  # not normalize(), which rounds to 28 digits
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def total(kind, value):
    if value is None:
        return None
    if kind == "float":
        return "%.8e" % float(value) if math.isfinite(float(value)) else str(float(value)).lower()
    return plain(value)


def edge(kind, value):
    """A smallest or greatest value."""
    if value is None:
        return None
    if kind in ("int", "decimal", "date", "timestamp"):
        return plain(value)
    if kind == "float":
        return repr(float(value))
    return str(value)


def local(location):
    """A location without the scheme of files, of which there are three spellings."""
    for scheme in ("file://", "file:"):
        location = location.removeprefix(scheme)
    return location


QUOTE = {"duckdb": '"', "clickhouse": "`", "spark": "`"}


def column(dialect, path):
    q, parts = QUOTE[dialect], path.split(".")
    if dialect == "clickhouse":
        out = q + parts[0] + q
        for p in parts[1:]:
            out = f"tupleElement({out}, '{p}')"
        return out
    return ".".join(q + p + q for p in parts)


MEASURE = {  # what of a value is summed: its number, its days, its length
    "duckdb": {"int": "{}", "decimal": "{}", "float": "{}", "string": "strlen({})", "binary": "octet_length({})", "bool": "CAST({} AS INT)",
               "date": "date_diff('day', DATE '1970-01-01', {})", "timestamp": "epoch_us({})", "list": "len({})", "map": "cardinality({})"},
    "clickhouse": {"int": "toInt128({})", "decimal": "{}", "float": "toFloat64({})", "string": "length({})", "binary": "length({})", "bool": "toInt64({})",
                   "date": "toInt64(toInt32({}))", "timestamp": "toInt128(toUnixTimestamp64Micro({}))", "list": "length({})", "map": "length({})"},
    "spark": {"int": "CAST({} AS DECIMAL(38,0))", "decimal": "{}", "float": "{}", "string": "octet_length({})", "binary": "octet_length({})",
              "bool": "CAST({} AS INT)", "date": "unix_date({})", "timestamp": "CAST(unix_micros(CAST({} AS TIMESTAMP)) AS DECIMAL(38,0))",
              "list": "size({})", "map": "size({})"},
}
TEXT = {"duckdb": "CAST({} AS VARCHAR)", "clickhouse": "toString({})", "spark": "CAST({} AS STRING)"}


def select(dialect, q):
    """The list of expressions for all columns, each as text, in the order that read() takes them."""
    out, text = ["count(*)"], TEXT[dialect]
    for c in q.get("columns") or []:
        name, kind = column(dialect, c["name"]), c["kind"]
        out.append(f"count(*) - count({name})")
        measure = MEASURE[dialect].get(kind)
        out.append(text.format(f"sum({measure.format(name)})") if measure else "NULL")
        for f in ("min", "max"):
            if kind == "uuid":
                out.append(f"{f}({text.format(name)})")
            elif kind == "binary":
                out.append(f"hex({f}({name}))")
            elif kind in ("date", "timestamp"):
                out.append(text.format(f"{f}({MEASURE[dialect][kind].format(name)})"))
            elif kind == "float":
                out.append(f"{f}({MEASURE[dialect][kind].format(name)})")
            elif kind in ("int", "decimal", "string"):
                out.append(text.format(f"{f}({name})"))
            else:
                out.append("NULL")
    for d in q.get("distinct") or []:
        out.append(f"count(DISTINCT {column(dialect, d)})")
    return out


def read(dialect, q, row):
    """The answer from the row that select() asked for."""
    row = list(row)
    answer = {"rows": int(row.pop(0)), "columns": {}, "distinct": {}}
    for c in q.get("columns") or []:
        kind = c["kind"]
        nulls, s, lo, hi = (row.pop(0) for _ in range(4))
        if dialect == "clickhouse" and kind in ("list", "map"):
            nulls = None  # ClickHouse reads a null list as an empty one
        answer["columns"][c["name"]] = {
            "nulls": None if nulls is None else int(nulls), "sum": total(kind, s),
            "min": edge(kind, lo.lower() if kind in ("binary", "uuid") and lo is not None else lo),
            "max": edge(kind, hi.lower() if kind in ("binary", "uuid") and hi is not None else hi)}
    for d in q.get("distinct") or []:
        answer["distinct"][d] = int(row.pop(0))
    return answer


def group(dialect, q):
    """Key columns, then the expressions of a span of offsets per partition of the source."""
    keys = [column(dialect, k) for k in q["spans"]["by"]]
    off = column(dialect, q["spans"]["of"])
    return keys, [f"count({off})", f"count(DISTINCT {off})", f"min({off})", f"max({off})"]


def spans(q, rows):
    n = len(q["spans"]["by"])
    return {"/".join(str(k) for k in r[:n]): {"rows": int(r[n]), "distinct": int(r[n + 1]), "min": int(r[n + 2]), "max": int(r[n + 3])} for r in rows}


def where(dialect, f):
    """A comparison of a column with a constant; times are written YYYY-MM-DD hh:mm:ss in UTC."""
    v, kind = f["value"], f["kind"]
    if kind == "timestamp":
        v = {"duckdb": f"TIMESTAMPTZ '{v}+00'", "clickhouse": f"toDateTime64('{v}', 6, 'UTC')", "spark": f"TIMESTAMP '{v}'"}[dialect]
    elif kind == "date":
        v = {"duckdb": f"DATE '{v}'", "clickhouse": f"toDate32('{v}')", "spark": f"DATE '{v}'"}[dialect]
    elif kind == "string":
        v = "'" + v.replace("'", "''") + "'"
    return f"{column(dialect, f['column'])} {f['op']} {v}"


def serve(ask):
    """Reads one request from standard input, answers on standard output."""
    request = json.load(sys.stdin)
    print(json.dumps(ask(request["table"], request["question"])))
