-- Who vouches for a version (schema = environment), and what MLflow was last made to show beside what was found changed there by hand.

-- DSSE envelopes. Nothing here is trusted by itself: the keys that count are in the environment's keyring, outside the database.
create table model_signatures (
  model text not null,
  version bigint not null,
  envelope_sha256 text not null check (envelope_sha256 ~ '^[0-9a-f]{64}$'), -- signing again with the same key gives the same bytes
  key_id text not null check (key_id ~ '^[0-9a-f]{16}$'),
  envelope text not null,
  by text not null check (by <> ''),
  signed_at timestamptz not null default clock_timestamp(),
  primary key (model, version, envelope_sha256),
  foreign key (model, version) references model_versions (model, version)
);

create trigger model_signatures_are_kept before update or delete or truncate on model_signatures
  for each statement execute function refuse_registry_change();

-- What MLflow was last made to show and what cannot be read off the registry again: an alias, a verdict. Beside it, what stands there now
-- tells a change by hand from one that did not arrive.
create table mlflow_shown (
  model text not null references registered_models,
  subject text not null check (subject <> ''), -- `alias champion`, `version 3 tag perennial.gates`
  value text not null,
  primary key (model, subject)
);

-- What a reconciliation found, before it mended it; one row a run and subject.
create table mlflow_findings (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  run_id text not null, -- of the workflow that looked
  kind text not null check (kind in ('lost', 'hand-made')),
  model text not null, -- as MLflow names it
  subject text not null,
  found text, -- null: nothing
  truth text, -- null: nothing should be there
  deed text not null check (deed in ('made again', 'set back', 'left')),
  changed_by text, -- as far as MLflow knows
  changed_at timestamptz,
  unique (run_id, model, subject)
);
create index mlflow_findings_newest on mlflow_findings (at desc);

create trigger mlflow_findings_are_kept before update or delete or truncate on mlflow_findings
  for each statement execute function refuse_registry_change();
