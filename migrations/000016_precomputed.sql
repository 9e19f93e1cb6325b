-- Answers that scoring made ahead: the probability of every entity that is online, by the version that was champion then. An answer counts
-- as long as that version is champion and the online features are those that it was made of. Runs with search_path = the environment's schema.

-- What the answers of one version have in common.
create table precomputed_sets (
  model text not null, -- as it is registered
  version bigint not null check (version >= 1),
  package_sha256 text not null check (package_sha256 ~ '^[0-9a-f]{64}$'),
  view text not null, -- name in the online store of the features that were read
  features text[] not null, -- which of them, in the order of the model's input
  primary key (model, version)
);

create table precomputed_answers (
  model text not null,
  version bigint not null,
  entity text not null,
  probability double precision not null check (probability between 0 and 1),
  event_time timestamptz not null, -- of the features, as known_at
  known_at timestamptz not null,
  features_md5 uuid not null, -- of their row in the online store
  scored_at timestamptz not null, -- when they were read: an answer of older reading never replaces a newer one
  primary key (model, version, entity),
  foreign key (model, version) references precomputed_sets on delete cascade
);
create index precomputed_answers_likeliest on precomputed_answers (model, version, probability desc, entity);
