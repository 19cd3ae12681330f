"""pyiceberg as a foreign writer: appends, overwrites, deletes and expires on the live table."""
import json
import sys

import pyarrow as pa

import lake


def rows_of(table, rows):
    """Rows as Arrow in the table's own schema; columns that are not named are null."""
    return pa.Table.from_pylist(rows, schema=table.schema().as_arrow())


def write(table, order):
    do = order["do"]
    if do == "append":
        table.append(rows_of(table, order["rows"]), snapshot_properties=order.get("properties") or {})
    elif do == "overwrite":
        table.overwrite(rows_of(table, order["rows"]), overwrite_filter=order["filter"])
    elif do == "delete":
        table.delete(delete_filter=order["filter"])
    elif do == "expire":
        keep = table.current_snapshot().snapshot_id
        old = [s.snapshot_id for s in table.metadata.snapshots if s.snapshot_id != keep
               and s.snapshot_id not in {r.snapshot_id for r in table.metadata.refs.values()}]
        if old:
            table.maintenance.expire_snapshots().by_ids(old).commit()
    elif do != "look":
        raise ValueError(f"no such order: {do}")


def main():
    request = json.load(sys.stdin)
    table = lake.catalog(request["table"]).load_table(request["table"]["name"])
    write(table, request["order"])
    table = table.refresh()
    current = table.current_snapshot()
    print(json.dumps({
        "metadata": table.metadata_location, "uuid": str(table.metadata.table_uuid), "properties": table.properties,
        "head": current.snapshot_id if current else None,
        "refs": {k: r.snapshot_id for k, r in table.metadata.refs.items()},
        "snapshots": [{"id": s.snapshot_id, "parent": s.parent_snapshot_id, "at": s.timestamp_ms,
                       "operation": s.summary.operation.value if s.summary else "", "summary": dict(s.summary.additional_properties) if s.summary else {}}
                      for s in table.metadata.snapshots]}))


if __name__ == "__main__":
    main()
