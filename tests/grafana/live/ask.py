"""Answers SQL statements, by name, with columns and rows, or with what is wrong with them."""

import datetime
import decimal
import json
import sys

import duckdb


def plain(value):
    """A value as the datasource would send it: times in milliseconds, numbers as such."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return int(value.timestamp() * 1000)
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def kind(name):
    if name.startswith("TIMESTAMP"):
        return "time"
    return "string" if name.startswith("VARCHAR") else "number"


def answer(statement):
    try:
        result = connection.execute(statement)
        columns = [{"name": column[0], "type": kind(str(column[1]))} for column in result.description]
        return {"columns": columns, "rows": [[plain(value) for value in row] for row in result.fetchall()]}
    except duckdb.Error as error:
        return {"error": str(error)}


connection = duckdb.connect()
json.dump({name: answer(statement) for name, statement in json.load(sys.stdin).items()}, sys.stdout)
