-- What was done to the lake besides writing to it: merged, expired, swept. One row a run; never changed.
create table upkeep_events (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('maintain', 'sweep')),
  workflow text not null,
  run_id text not null unique, -- of the workflow that did it, so that a retry does not tell it twice
  result jsonb not null check (jsonb_typeof(result) = 'object')
);

create function refuse_upkeep_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % is refused: the account keeps what it recorded', lower(tg_op), tg_table_name
    using errcode = 'restrict_violation';
end
$$;

create trigger upkeep_events_are_kept before update or delete or truncate on upkeep_events
  for each statement execute function refuse_upkeep_change();
