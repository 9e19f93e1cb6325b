-- Data versions of one environment: a name for a set of tables at their snapshots. A name means one thing for ever: rows are added and
-- never changed; that a tag was removed, or a catalog rolled back to it, is an event.

create table data_tags (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  description text not null,
  metadata jsonb not null check (jsonb_typeof(metadata) = 'object'),
  whole boolean not null, -- it names every table that the catalog had
  created_by text not null check (created_by <> ''),
  created_at timestamptz not null default clock_timestamp(),
  run_id text not null unique -- of the workflow that made it: a retry finds its own tag
);

create table data_tag_tables (
  name text not null references data_tags,
  table_name text not null,
  snapshot bigint not null check (snapshot >= 0),
  key text not null check (key <> ''), -- of the commit that wrote it
  rows bigint not null check (rows >= 0),
  primary key (name, table_name)
);

create table data_tag_events (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('tagged', 'removed', 'rolled back')),
  name text not null references data_tags,
  by text not null check (by <> ''),
  why text not null,
  run_id text not null, -- of the workflow that did it, so that a retry does not tell it twice
  unique (name, kind, run_id)
);
create unique index data_tags_are_removed_once on data_tag_events (name) where kind = 'removed';

create function refuse_data_tag_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused: a data version stays what it was', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation';
end
$$;

create trigger data_tags_are_kept before update or delete or truncate on data_tags
  for each statement execute function refuse_data_tag_change();
create trigger data_tag_tables_are_kept before update or delete or truncate on data_tag_tables
  for each statement execute function refuse_data_tag_change();
create trigger data_tag_events_are_kept before update or delete or truncate on data_tag_events
  for each statement execute function refuse_data_tag_change();
