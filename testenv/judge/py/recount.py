"""Recounts a table from its metadata and files, and checks what a sink that loses and doubles nothing leaves behind.

It reads the lineage of a branch from the oldest snapshot that is still listed to the head, and reports as faults:
- a data file that any branch or tag reaches and that is not there, or whose size or rows are not what the manifest says;
- a data file that is live twice, or was added by two snapshots of the lineage;
- ranges of the source, as the snapshots of a sink record them, that overlap or leave a hole;
- a snapshot whose added rows are not what its ranges hold, less what was skipped, dead or no record.
"""
import base64
import json
import sys
from collections import Counter

import pyarrow.parquet as pq
import zstandard
from pyiceberg.manifest import DataFileContent, ManifestEntryStatus

import lake


def unpack(text):
    if text[:1] in "{[":
        return json.loads(text)
    return json.loads(zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(text)))


def lineage(meta, head):
    """Snapshots from the oldest listed one to the head."""
    by_id, out = {s.snapshot_id: s for s in meta.snapshots}, []
    while head is not None and head in by_id:
        out.append(by_id[head])
        head = by_id[head].parent_snapshot_id
    return out[::-1]


def entries(io, snapshot):
    for m in snapshot.manifests(io):
        yield from m.fetch_manifest_entry(io, discard_deleted=False)


def check_files(io, refs, faults):
    """Every file that a reference reaches is there, as long and with as many rows as recorded. Returns how many there are."""
    seen = {}
    for name, snapshot in refs.items():
        live = Counter()
        for e in entries(io, snapshot):
            if e.status != ManifestEntryStatus.DELETED:
                live[e.data_file.file_path] += 1
                seen[e.data_file.file_path] = e.data_file
        faults += [f"{path} is live {n} times in {name}" for path, n in live.items() if n > 1]
    for path, f in seen.items():
        try:
            source = io.new_input(path)
            size = len(source)
            with source.open() as stream:
                rows = pq.ParquetFile(stream).metadata.num_rows
        except Exception as e:
            faults.append(f"{path} is named and cannot be read: {type(e).__name__}: {e}"[:500])
            continue
        if size != f.file_size_in_bytes:
            faults.append(f"{path} has {size} bytes, the manifest says {f.file_size_in_bytes}")
        if rows != f.record_count:
            faults.append(f"{path} has {rows} rows, the manifest says {f.record_count}")
    return len(seen)


def added(io, snapshot):
    """Rows and paths that this snapshot added."""
    rows, paths = 0, []
    for e in entries(io, snapshot):
        if e.status == ManifestEntryStatus.ADDED and e.snapshot_id == snapshot.snapshot_id and e.data_file.content == DataFileContent.DATA:
            rows += e.data_file.record_count
            paths.append(e.data_file.file_path)
    return rows, paths


def counted(state):
    """Offsets that are no rows, by the state's own account."""
    return sum(sum(t.get(k) or []) for t in state["t"].values() for k in ("d", "k", "h"))


def next_offsets(state):
    return {(topic, p): o for topic, t in state["t"].items() for p, o in enumerate(t["o"]) if o >= 0}


def check_ranges(io, past, sink, faults):
    """Follows one sink id through the lineage. Returns the commits, the rows and the position at the end."""
    at, before, commits, rows, owner, reset = None, None, 0, 0, {}, False
    for s in past:
        summary = dict(s.summary.additional_properties) if s.summary else {}
        try:
            new, paths = added(io, s)
        except FileNotFoundError:
            continue  # expired under another reference's feet: what refs reach is checked elsewhere
        for path in paths:
            if path in owner:
                faults.append(f"{path} was added by snapshot {owner[path]} and again by {s.snapshot_id}")
            owner[path] = s.snapshot_id
        if summary.get("sinker.sink") != sink:
            continue
        state = unpack(summary["sinker.offsets." + sink])
        ranges = {(topic, int(p)): tuple(int(x) for x in r.split("-"))
                  for topic, ps in unpack(summary["sinker.ranges"]).items() for p, r in ps.items()}
        gaps = unpack(summary["sinker.gaps"]) if summary.get("sinker.gaps") else []
        now = next_offsets(state)
        for p, (first, end) in ranges.items():
            if end <= first:
                faults.append(f"snapshot {s.snapshot_id}: the range {first}-{end} of {p} is none")
            if at is not None and at.get(p, first) != first:
                faults.append(f"snapshot {s.snapshot_id}: {p} begins at {first}, the one before ended at {at[p]}")
            if now.get(p) != end:
                faults.append(f"snapshot {s.snapshot_id}: {p} ends at {end}, but its state says {now.get(p)}")
        if at is not None and not gaps and not summary.get("sinker.audit"):
            for p, o in at.items():
                if p not in ranges and now.get(p) != o:
                    faults.append(f"snapshot {s.snapshot_id}: {p} moved from {o} to {now.get(p)} without a range")
        if before is not None:
            read = sum(end - first for first, end in ranges.values())
            passed = sum(int(g["range"].split("-")[1]) - int(g["range"].split("-")[0]) for g in gaps)
            none = counted(state) - counted(before)
            if new != read - none and not gaps:
                faults.append(f"snapshot {s.snapshot_id}: {new} rows added, {read} offsets read of which {none} are no rows, {passed} passed over")
        at, before = now, state
        commits, rows = commits + (1 if ranges else 0), rows + new
    return commits, rows, at or {}


def main():
    request = json.load(sys.stdin)
    table, branch = lake.table(request["table"]), request.get("branch") or "main"
    meta, io, faults = table.metadata, table.io, []
    by_id = {s.snapshot_id: s for s in meta.snapshots}
    for name, ref in meta.refs.items():
        if ref.snapshot_id not in by_id:
            faults.append(f"{name} points to snapshot {ref.snapshot_id}, which is not listed")
    files = check_files(io, {name: by_id[r.snapshot_id] for name, r in meta.refs.items() if r.snapshot_id in by_id}, faults)
    past = lineage(meta, meta.refs[branch].snapshot_id if branch in meta.refs else None)
    commits, rows, at = check_ranges(io, past, request["sink"], faults)
    print(json.dumps({"faults": faults, "files": files, "snapshots": len(past), "commits": commits, "rows_added": rows,
                      "offsets": {f"{topic.split('#')[0]}/{p}": o for (topic, p), o in at.items()}}))


if __name__ == "__main__":
    main()
