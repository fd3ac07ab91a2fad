"""Counts every table of a lake as PyIceberg sees it: python count.py CATALOG_DB → {"table": {"rows", "files", "fields", "months"}}."""

import json
import sys

from pyiceberg.catalog.sql import SqlCatalog

catalog = SqlCatalog("sanyi", uri=f"sqlite:///{sys.argv[1]}")
out = {}
for identifier in catalog.list_tables("sanyi"):
    table = catalog.load_table(identifier)
    rows = table.scan().to_arrow()
    out[identifier[-1]] = {
        "rows": rows.num_rows,
        "files": len(list(table.scan().plan_files())),
        "fields": {f.name: f.field_id for f in table.schema().fields},
        "deliveries": {
            v["values"]: v["counts"] for v in rows.column("_batch_id").value_counts().to_pylist()
        },
    }
    if "visit_date" in rows.column_names:
        pruned = table.scan(row_filter="visit_date >= '2025-04-01'")
        out[identifier[-1]]["pruned_files"] = len(list(pruned.plan_files()))
        out[identifier[-1]]["pruned_rows"] = pruned.to_arrow().num_rows
print(json.dumps(out))
