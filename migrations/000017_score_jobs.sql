-- Scoring that was asked for and is done behind the requests' back, chunk by chunk: who has the lease of a job does its next chunk, and what
-- a chunk answers is written with the progress that it means, once. Runs with search_path = the environment's schema.

create table score_jobs (
  id uuid primary key,
  principal text not null check (principal <> ''), -- whose it is
  model text not null, -- as it is served
  idempotency_key text,
  body_sha256 text not null check (body_sha256 ~ '^[0-9a-f]{64}$'),
  everybody boolean not null, -- all who are online; else those whom its chunks name
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'canceled')),
  total bigint not null, -- of everybody: those who were online when it was asked for, until it is done
  done bigint not null default 0,
  chunks integer not null default 0, -- answered so far
  last_entity text not null default '', -- of everybody: the last one answered
  tries integer not null default 0, -- failed ones since the last chunk
  resumed integer not null default 0, -- how often a lease ran out and somebody went on
  lease uuid,
  lease_until timestamptz, -- nobody takes it before
  touched_at timestamptz not null default clock_timestamp(), -- the longest untouched is next: no job waits for a whole other one
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz not null,
  reason text, -- why it failed, or why its last try did
  unique (principal, idempotency_key)
);
create index score_jobs_open on score_jobs (touched_at) where state in ('queued', 'running');

create table score_job_chunks (
  job uuid not null references score_jobs on delete cascade,
  chunk integer not null check (chunk >= 0),
  entities text[], -- who is to be answered; null: taken from those who are online
  version bigint, -- that answered
  answers json check (json_typeof(answers) = 'array'),
  rows integer,
  primary key (job, chunk)
);
