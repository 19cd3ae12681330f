"""How pyiceberg finds a table: by its exact metadata file, or through its catalog."""
from pyiceberg.catalog import load_catalog
from pyiceberg.table import StaticTable


def properties(t):
    out, s3 = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}, t.get("s3")
    if s3:
        out |= {"s3.endpoint": s3["endpoint"], "s3.access-key-id": s3["access_key"], "s3.secret-access-key": s3["secret_key"],
                "s3.region": s3["region"], "s3.force-virtual-addressing": "false"}
    return out


def catalog(t):
    uri = t["uri"]
    if t["type"] == "sql":
        uri = uri.replace("sqlite:", "sqlite:///", 1).replace("postgres://", "postgresql+psycopg2://", 1)
    return load_catalog("ice", **{"type": t["type"], "uri": uri, "warehouse": t["warehouse"], **properties(t)})


def table(t):
    if t.get("metadata"):
        return StaticTable.from_metadata(t["metadata"], properties(t))
    return catalog(t).load_table(t["name"])
