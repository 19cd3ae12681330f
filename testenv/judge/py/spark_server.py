"""One Spark session that answers requests, a line of JSON each, until its input ends. The first line says which jars to load."""
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # whatever else prints must not mix with the answers

from pyspark.sql import SparkSession  # noqa: E402

import common  # noqa: E402
import spark_files  # noqa: E402

D = "spark"
sessions = {}


def start(jars, scratch):
    return (SparkSession.builder.master("local[2]").appName("judge")
            .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.memory", "1g").config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
            .config("spark.local.dir", scratch).config("spark.sql.warehouse.dir", scratch + "/warehouse")
            .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.autoBroadcastJoinThreshold", "-1")
            .config("spark.jars", ",".join(jars))
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .getOrCreate())


def session(root, t):
    """A session whose catalog "ice" is the table's: SQL catalogs keep tables under the catalog's own name."""
    s3 = t.get("s3") or {}
    key = json.dumps([t["type"], t["uri"], t["warehouse"], s3], sort_keys=True)
    if key in sessions:
        return sessions[key]
    s, c = root.newSession(), "spark.sql.catalog.ice"
    conf = {c: "org.apache.iceberg.spark.SparkCatalog", c + ".cache-enabled": "false", c + ".warehouse": t["warehouse"]}
    if t["type"] == "rest":
        conf |= {c + ".type": "rest", c + ".uri": t["uri"]}
    else:
        uri = t["uri"]
        if uri.startswith("sqlite:"):
            uri = "jdbc:" + uri
        else:
            user, rest = uri.removeprefix("postgres://").split("@", 1)
            uri = "jdbc:postgresql://" + rest.split("?")[0]
            conf |= {c + ".jdbc.user": user, c + ".jdbc.password": "none"}
        conf |= {c + ".type": "jdbc", c + ".uri": uri, c + ".jdbc.schema-version": "V1"}
    if s3:
        conf |= {c + ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO", c + ".s3.endpoint": s3["endpoint"], c + ".s3.path-style-access": "true",
                 c + ".client.region": s3["region"], c + ".s3.access-key-id": s3["access_key"], c + ".s3.secret-access-key": s3["secret_key"]}
    for k, v in conf.items():
        s.conf.set(k, v)
    sessions[key] = s
    return s


def ask(s, t, q):
    source = "ice." + t["name"]
    answer = common.read(D, q, s.sql(f"SELECT {', '.join(common.select(D, q))} FROM {source}").first())
    if q.get("spans"):
        keys, parts = common.group(D, q)
        answer["spans"] = common.spans(q, s.sql(f"SELECT {', '.join(keys + parts)} FROM {source} GROUP BY {', '.join(keys)}").collect())
    if q.get("filter"):
        answer["filtered"] = s.sql(f"SELECT count(*) FROM {source} WHERE {common.where(D, q['filter'])}").first()[0]
    return answer


def handle(root, request):
    if request["do"] == "files":
        return {"faults": spark_files.compare(root, request)}
    s = session(root, request["table"])
    if request["do"] == "ask":
        return ask(s, request["table"], request["question"])
    rows = []
    for statement in request["sql"]:
        rows = [[None if v is None else str(v) for v in r] for r in s.sql(statement).collect()]
    return {"sql_rows": rows}


def main():
    first = json.loads(sys.stdin.readline())
    root = start(first["jars"], first["scratch"])
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        try:
            answer = handle(root, json.loads(line))
        except Exception as e:  # the asker decides what an error means
            answer = {"error": f"{type(e).__name__}: {e}"[:4000]}
        print(json.dumps(answer), file=answers)
    root.stop()


if __name__ == "__main__":
    main()
