-- What serving reads while everything else may be down: the newest features of each entity, and the reports that were published.
-- Runs with search_path = the environment's schema.

create table online_features (
  view       text        not null,
  entity     text        not null,
  "values"   jsonb       not null,
  event_time timestamptz not null,  -- the moment the features describe
  known_at   timestamptz not null,  -- when the newest fact behind them was ingested
  primary key (view, entity)
);

-- How far a materialisation got, so that a killed attempt goes on where its last committed chunk ended.
create table online_watermarks (
  view        text    not null,
  run_key     text    not null,
  last_entity text,
  rows_done   bigint  not null,
  finished    boolean not null,
  primary key (view, run_key)
);

-- Reports by run; the artifact holds the small results of every page, the html artifact the whole file.
create table published_reports (
  use_case        text   not null,
  run             text   not null,
  snapshot        bigint not null,  -- newest lake snapshot that the report read
  artifact_sha256 text   not null check (artifact_sha256 ~ '^[0-9a-f]{64}$'),
  html_sha256     text   not null check (html_sha256 ~ '^[0-9a-f]{64}$'),
  position        bigint generated always as identity,  -- which came later, where two read the same snapshot
  primary key (use_case, run)
);
create index published_reports_newest on published_reports (use_case, snapshot desc, position desc);

-- Servers poll the champion each second; with this they hear of a move at once.
create function announce_alias() returns trigger language plpgsql as $$
begin
  perform pg_notify('perennial_alias', tg_table_schema || '/' || new.model);
  return null;
end $$;
create trigger announce_alias after insert or update on aliases for each row execute function announce_alias();
