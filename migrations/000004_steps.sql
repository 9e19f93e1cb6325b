-- Results of steps that leave no table behind (training, judging): found by key, they are not computed twice.
create table steps (
  key text primary key check (key ~ '^[0-9a-f]{64}$'),
  stage text not null,
  result jsonb not null,
  lineage jsonb not null,
  finished_at timestamptz not null default now()
);
