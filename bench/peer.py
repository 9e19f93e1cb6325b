# Runs the statements of a JSON file in DuckDB's Python package and prints seconds by part: the peer of the SQL bench.
import json
import sys
import time

import duckdb

scene = json.load(open(sys.argv[1]))
connection = duckdb.connect(config={"threads": scene["threads"], "memory_limit": scene["memoryLimit"], "preserve_insertion_order": "false"})
connection.execute("set timezone = 'UTC'")
seconds = {}
for statement in scene["statements"]:
    begun = time.perf_counter()
    connection.execute(statement["sql"])
    part = statement["part"]
    seconds[part] = seconds.get(part, 0) + time.perf_counter() - begun
seconds["total"] = sum(seconds.values())
print(json.dumps(seconds))
