# Makes a Feast repository with the bench's entities online (SQLite, Feast's own default): `feast_peer.py <rows.json> <folder>`.
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

rows, folder = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(parents=True)
(folder / "feature_store.yaml").write_text(
    "project: bench\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
    "online_store:\n  type: sqlite\n  path: online.db\n"
)
given = json.loads(rows.read_text())
frame = pd.DataFrame(given["rows"], columns=given["features"], dtype="float64")
frame["user_id"] = [str(entity) for entity in range(len(frame))]
frame["event_timestamp"] = datetime.now(timezone.utc)
frame.head(1).to_parquet(folder / "rows.parquet")
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
view = FeatureView(
    name="customer_daily",
    entities=[user],
    ttl=timedelta(days=3650),
    schema=[Field(name=name, dtype=Float64) for name in given["features"]],
    source=FileSource(path=str(folder / "rows.parquet"), timestamp_field="event_timestamp"),
)
store = FeatureStore(repo_path=str(folder))
store.apply([user, view])
store.write_to_online_store("customer_daily", df=frame)
