-- What the API answered, until it is moved to the lake. Runs with search_path = the environment's schema.

create table predictions (
  id uuid primary key, -- the answer names it
  served_at timestamptz not null,
  use_case text not null,
  model text not null,
  version bigint not null check (version >= 1),
  package_sha256 text not null check (package_sha256 ~ '^[0-9a-f]{64}$'),
  view text not null, -- name in the online store of the features that were read
  entity text not null,
  probability double precision not null check (probability between 0 and 1),
  features json not null, -- what the model saw, in the order of its input
  feature_time timestamptz, -- null: the entity was unknown
  known_at timestamptz,
  cold_start boolean not null,
  stale boolean not null, -- the online store was away: the features came from memory
  batch uuid -- claimed for one commit to the lake, whose rows never change from then on
);
create index predictions_unclaimed on predictions (served_at, id) where batch is null;
create index predictions_claimed on predictions (batch) where batch is not null;

-- A batch of the API that was written: one that is sent again, its acknowledgement having been lost, changes nothing.
create table prediction_flushes (
  id uuid primary key,
  at timestamptz not null default clock_timestamp()
);
