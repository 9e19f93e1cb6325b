-- The feature store's online side: which versions of which views there are, and how far a row's writer knew the world.

-- At equal event_time the wider knowledge wins: a row of the lake knew every fact ingested up to its horizon, a pushed row what it says.
-- So a correction that takes facts away, and leaves a row with an older known_at, still replaces what was there.
alter table online_features add column horizon timestamptz;

-- Versions of feature views, as the runs that materialised them defined them. A push is held against the newest one.
create table feature_views (
  view            text   not null check (view ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  version         text   not null check (version ~ '^[0-9a-f]{12}$'),
  use_case        text   not null,
  table_name      text   not null,
  entity          text   not null,  -- join key
  features        jsonb  not null check (jsonb_typeof(features) = 'array'),
  owner           text,
  ttl_days        integer check (ttl_days > 0),
  materialized_at timestamptz not null default clock_timestamp(),
  primary key (view, version)
);
