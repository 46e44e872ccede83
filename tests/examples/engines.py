"""Runs a query of examples/fleet over a log, and prints its rows: a JSON array each.

engines.py duckdb|spark|clickhouse QUERY LOG
"""

import json
import sys
import tempfile


def statements(text):
    """Each statement ends with a `;` at the end of a line."""
    return [statement for statement in text.split(";\n") if statement.strip()]


def duckdb(text, log):
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET VARIABLE log = '%s/**/*.parquet'" % log)
    return connection.execute(text).fetchall()


def spark(text, log):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    # Made where it is started, though nothing is kept.
    builder = builder.config("spark.sql.warehouse.dir", tempfile.gettempdir())
    session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    session.sql("SET log=" + log)
    for statement in statements(text):
        result = session.sql(statement)
    return result.collect()


def clickhouse(text, log):
    from chdb import session

    clickhouse = session.Session()
    for statement in statements(text):
        result = clickhouse.query(statement, "JSONCompactEachRow", params={"log": log + "/**/*.parquet"})
    return [json.loads(line) for line in result.bytes().decode().splitlines()]


def main(engine, query, log):
    with open(query, encoding="utf-8") as file:
        rows = {"duckdb": duckdb, "spark": spark, "clickhouse": clickhouse}[engine](file.read(), log)
    for row in rows:
        rule, flows, days, first, last, hosts = row
        print(json.dumps([rule, int(flows), int(days), first, last, int(hosts)]))


main(*sys.argv[1:])
