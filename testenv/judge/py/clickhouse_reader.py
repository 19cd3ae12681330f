"""ClickHouse (chdb) reads an Iceberg table by its exact metadata file, or, where there is none to name, through its REST catalog."""
import json
import os

from chdb import session

import common

D = "clickhouse"


def quoted(s):
    return "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'"


def source_of(t, run):
    s3 = t.get("s3")
    if t.get("metadata"):
        base, name = t["metadata"].split("/metadata/")
        setting = f"SETTINGS iceberg_metadata_file_path = {quoted('metadata/' + name)}"
        if not s3:
            return f"icebergLocal({quoted(common.local(base))}, {setting})"
        url = s3["endpoint"] + "/" + base.removeprefix("s3://")
        return f"icebergS3({quoted(url)}, {quoted(s3['access_key'])}, {quoted(s3['secret_key'])}, {setting})"
    run("SET allow_database_iceberg = 1")
    run(f"""CREATE DATABASE ice ENGINE = DataLakeCatalog({quoted(t['uri'] + '/v1')}, {quoted(s3['access_key'])}, {quoted(s3['secret_key'])})
            SETTINGS catalog_type = 'rest', warehouse = {quoted(t['warehouse'])}, storage_endpoint = {quoted(s3['endpoint'] + '/' + s3['bucket'])},
            vended_credentials = false""")
    return f"ice.`{t['name']}`"


def ask(t, q):
    os.chdir("/")  # tables in files are read below the current folder only
    s = session.Session()

    def run(sql):
        out = s.query(sql, "JSONCompactEachRow")
        return [json.loads(line) for line in out.bytes().decode().splitlines()] if out and out.size() else []

    run("SET session_timezone = 'UTC'")
    source = source_of(t, run)
    answer = common.read(D, q, run(f"SELECT {', '.join(common.select(D, q))} FROM {source}")[0])
    if q.get("spans"):
        keys, parts = common.group(D, q)
        answer["spans"] = common.spans(q, run(f"SELECT {', '.join(keys + parts)} FROM {source} GROUP BY {', '.join(keys)}"))
    if q.get("filter"):
        answer["filtered"] = int(run(f"SELECT count(*) FROM {source} WHERE {common.where(D, q['filter'])}")[0][0])
    return answer


if __name__ == "__main__":
    common.serve(ask)
