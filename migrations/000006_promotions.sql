-- Promotions into this environment (schema = environment): who asked, on which evidence, who decided and why, and what came of it.
-- One row an attempt (a workflow's run); its history, its decisions and its reminders are only ever added to.

create table promotions (
  attempt text primary key check (length(attempt) between 8 and 200),
  id text not null check (id <> ''), -- what people type: promote/<use case>/<model>/<to>/<version>
  model text not null check (model ~ '^[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}$'),
  from_environment text not null,
  from_version bigint not null check (from_version >= 1),
  package_sha256 text not null check (package_sha256 ~ '^[0-9a-f]{64}$'),
  requested_by text not null check (requested_by <> ''),
  requested_at timestamptz not null default clock_timestamp(),
  state text not null default 'requested' check (state in ('requested', 'gated', 'refused', 'waiting', 'stale', 'approved', 'rejected',
    'expired', 'copied', 'registered', 'promoted', 'superseded')),
  changed_at timestamptz not null default clock_timestamp(),
  evidence_sha256 text check (evidence_sha256 ~ '^[0-9a-f]{64}$'), -- the artifact that was last looked at; its hash names it
  headline text not null default '',
  reasons jsonb not null default '[]' check (jsonb_typeof(reasons) = 'array'),
  version bigint -- its number here, once registered
);

create index promotions_newest on promotions (requested_at desc);
create index promotions_by_id on promotions (id, requested_at desc);

create table promotion_events (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  operation text not null unique check (operation <> ''), -- names a deed that is done once, so that a repeated request finds it
  attempt text not null references promotions,
  before text, -- null: there was nothing
  after text not null,
  by text not null check (by <> ''),
  why text not null,
  evidence_sha256 text
);

create index promotion_events_by_attempt on promotion_events (attempt, position);

-- The first word of a person on one piece of evidence stands; a second changes nothing.
create table promotion_decisions (
  attempt text not null references promotions,
  evidence_sha256 text not null check (evidence_sha256 ~ '^[0-9a-f]{64}$'),
  by text not null check (by <> ''),
  verdict text not null check (verdict in ('approved', 'rejected')),
  why text not null,
  at timestamptz not null, -- when the workflow heard it
  primary key (attempt, evidence_sha256, by)
);

-- Delivered once: the row is the delivery, and whoever listens hears of it in the same transaction.
create table promotion_reminders (
  attempt text not null references promotions,
  evidence_sha256 text not null,
  number integer not null check (number >= 1),
  escalated boolean not null,
  missed integer not null check (missed >= 0), -- earlier ones that nobody was there to deliver
  text text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (attempt, evidence_sha256, number)
);

create trigger promotions_are_kept before delete or truncate on promotions
  for each statement execute function refuse_registry_change();
create trigger request_is_kept before update of attempt, id, model, from_environment, from_version, package_sha256, requested_by,
  requested_at on promotions for each statement execute function refuse_registry_change();
create trigger promotion_events_are_kept before update or delete or truncate on promotion_events
  for each statement execute function refuse_registry_change();
create trigger promotion_decisions_are_kept before update or delete or truncate on promotion_decisions
  for each statement execute function refuse_registry_change();
create trigger promotion_reminders_are_kept before update or delete or truncate on promotion_reminders
  for each statement execute function refuse_registry_change();

create function announce_promotion() returns trigger language plpgsql as $$
begin
  perform pg_notify('perennial_promotion', tg_table_schema || '/' || new.attempt || '/' || tg_table_name);
  return null;
end $$;
create trigger announce_promotion after insert or update of state on promotions for each row execute function announce_promotion();
create trigger announce_reminder after insert on promotion_reminders for each row execute function announce_promotion();
