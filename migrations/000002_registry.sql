-- The model registry of one environment (schema = environment): which versions there are, which one answers, and who changed what.
-- MLflow shows these facts; they are true here. Versions and events are never deleted.

create table registered_models (
  model text primary key check (model ~ '^[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}$'), -- <use case>/<model>
  last_version bigint not null default 0 check (last_version >= 0) -- a counter: numbers have no gaps, and its row is the lock
);

create table model_versions (
  model text not null references registered_models,
  version bigint not null check (version >= 1),
  key text not null unique check (length(key) between 8 and 200), -- hash of all that determines the version: same key, same version
  package_sha256 text not null check (package_sha256 ~ '^[0-9a-f]{64}$'),
  metrics jsonb not null check (jsonb_typeof(metrics) = 'object'),
  lineage jsonb not null check (jsonb_typeof(lineage) = 'object'),
  state text not null default 'pending'
    check (state in ('pending', 'approved', 'rejected', 'staging', 'production', 'archived')),
  created_by text not null check (created_by <> ''),
  created_at timestamptz not null default clock_timestamp(),
  run_id text not null, -- of the workflow that first registered it
  mlflow_run_id text,
  mlflow_model_id text,
  mlflow_version text,
  primary key (model, version),
  check (num_nonnulls(mlflow_run_id, mlflow_model_id, mlflow_version) in (0, 3))
);

create table aliases (
  model text not null,
  alias text not null check (alias ~ '^[a-z][a-z0-9_-]{0,62}$' and alias <> 'latest' and alias !~ '^v[0-9]+$'), -- MLflow's grammar
  version bigint not null,
  revision bigint not null default 1 check (revision >= 1), -- grows by one with each move
  primary key (model, alias),
  foreign key (model, version) references model_versions (model, version)
);

create table registry_events (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  operation text unique check (operation <> ''), -- names a deed that is done once, so that a repeated request finds it
  kind text not null check (kind in ('version registered', 'state moved', 'alias moved', 'mlflow recorded')),
  model text not null,
  version bigint not null,
  alias text,
  before text, -- null: there was nothing
  after text not null,
  by text not null check (by <> ''),
  why text not null,
  foreign key (model, version) references model_versions (model, version),
  check ((kind = 'alias moved') = (alias is not null))
);

create index registry_events_by_model on registry_events (model, position);

create function refuse_registry_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused: the registry keeps what it recorded', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation';
end
$$;

create trigger registry_events_are_kept before update or delete or truncate on registry_events
  for each statement execute function refuse_registry_change();
create trigger model_versions_are_kept before delete or truncate on model_versions
  for each statement execute function refuse_registry_change();
create trigger evidence_is_kept before update of model, version, key, package_sha256, metrics, lineage on model_versions
  for each statement execute function refuse_registry_change();
-- Once there was a champion there is always one.
create trigger champion_is_kept before delete on aliases
  for each row when (old.alias = 'champion') execute function refuse_registry_change();
create trigger aliases_are_kept before truncate on aliases
  for each statement execute function refuse_registry_change();
