"""Rows of single Parquet files in the spelling of the truth that the writer's test wrote down, and the comparison with it.

A folder holds 0.parquet, 1.parquet, ... and beside each n.rows (the truth, a JSON array a line) and n.kinds."""
import json
import os


def difference(rows, kinds, truth, same):
    """What differs, or nothing."""
    if len(rows) != len(truth):
        return "%d rows, there are %d" % (len(rows), len(truth))
    for i, line in enumerate(truth):
        want = json.loads(line)
        if rows[i] != want and not same(rows[i], want, {"struct": kinds}):
            return "row %d is %.1500s, want %.1500s" % (i, json.dumps(rows[i]), json.dumps(want))
    return None


def equal(got, want, kind):
    return got == want


def compare(request, readers, same=equal):
    """What is wrong, in words: readers are functions by name that give the rows of a file in the truth's spelling, from its path and its kinds. Where
    a row is not the truth, same decides whether it may be told like that."""
    faults = []
    for n in range(request["files"]):
        base = os.path.join(request["folder"], str(n))
        with open(base + ".rows", encoding="utf-8") as f:
            truth = f.read().split("\n")[:-1]
        with open(base + ".kinds", encoding="utf-8") as f:
            kinds = json.load(f)
        for name, read in readers.items():
            try:
                fault = difference(read(base + ".parquet", kinds), kinds, truth, same)
            except Exception as e:
                fault = "%s: %.2000s" % (type(e).__name__, e)
            if fault:
                faults.append("file %d, %s: %s" % (n, name, fault))
    return faults
