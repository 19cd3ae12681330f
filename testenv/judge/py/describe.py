"""Describes a table as its metadata and its store show it: every listed snapshot with its summary and its live data files, and every
object below the table's locations with its size. Each manifest and each file is told once."""
import json
import sys

from pyarrow import fs
from pyiceberg.manifest import DataFileContent, ManifestEntryStatus

import lake


def live(io, manifest, cache):
    """Paths of the data files that a manifest names as live, and sizes and rows of all of them."""
    if manifest.manifest_path not in cache:
        cache[manifest.manifest_path] = [(e.data_file.file_path, e.data_file.file_size_in_bytes, e.data_file.record_count)
                                         for e in manifest.fetch_manifest_entry(io, discard_deleted=True)
                                         if e.status != ManifestEntryStatus.DELETED and e.data_file.content == DataFileContent.DATA]
    return cache[manifest.manifest_path]


def objects(t, locations):
    """Sizes of what is stored below the locations, by the paths that manifests use."""
    found = {}
    for location in locations:
        scheme, _, rest = location.partition("://")
        if s3 := t.get("s3"):
            where = fs.S3FileSystem(access_key=s3["access_key"], secret_key=s3["secret_key"], region=s3["region"], endpoint_override=s3["endpoint"])
        else:
            where, rest = fs.LocalFileSystem(), rest or location
        for f in where.get_file_info(fs.FileSelector(rest, recursive=True, allow_not_found=True)):
            if f.type == fs.FileType.File:
                found[(scheme + "://" if scheme != location else "") + f.path] = f.size
    return found


def main():
    t = json.load(sys.stdin)["table"]
    table = lake.table(t)
    meta, cache, numbers, files, snapshots = table.metadata, {}, {}, [], []
    for s in meta.snapshots:
        named = []
        for m in s.manifests(table.io):
            for f in live(table.io, m, cache):
                if f[0] not in numbers:
                    numbers[f[0]] = len(files)
                    files.append({"path": f[0], "size": f[1], "rows": f[2]})
                named.append(numbers[f[0]])
        summary = {"operation": s.summary.operation.value, **s.summary.additional_properties} if s.summary else {}
        snapshots.append({"id": s.snapshot_id, "parent": s.parent_snapshot_id or 0, "sequence": s.sequence_number or 0, "summary": summary, "files": named})
    head = table.current_snapshot()
    print(json.dumps({"head": head.snapshot_id if head else 0, "files": files, "snapshots": snapshots, "objects": objects(t, [meta.location])}))


if __name__ == "__main__":
    main()
