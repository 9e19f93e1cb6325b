-- Who may ask the API of one environment (schema = environment), how often he did in the present minute, and the audit: a chain of hashes
-- over every change of registry, promotions, data versions, signatures and access, written by the tables themselves.

create table api_keys (
  id text primary key check (id ~ '^[0-9a-f]{12}$'), -- part of the key, shown to tell keys apart
  sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'), -- of the whole key, which is told once and kept nowhere
  name text not null check (name <> ''), -- what it is for
  roles text[] not null check (cardinality(roles) > 0 and roles <@ array['viewer', 'analyst', 'scientist', 'approver', 'admin']),
  created_by text not null check (created_by <> ''),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null check (expires_at > created_at),
  revoked_at timestamptz,
  revoked_by text check (revoked_by <> ''),
  revoked_why text,
  check ((revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_why is null))
);

-- Each is good for one use, for the next of its family; a second use ends the family.
create table refresh_tokens (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  family uuid not null,
  key_id text not null references api_keys,
  roles text[] not null,
  issued_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz
);
create index refresh_tokens_of_family on refresh_tokens (family);

-- Tokens that a person made on the command line; those of an API key need no row.
create table issued_tokens (
  position bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  by text not null check (by <> ''),
  roles text[] not null,
  expires_at timestamptz not null
);

-- Lost in a crash of the server, and no loss.
create unlogged table rate_limits (
  key varchar(255) primary key,
  points integer not null default 0,
  expire bigint
);

-- A key is revoked once and for all, and says for ever what it said.
create function keep_api_key() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.revoked_at is null and new.revoked_at is not null
    and (to_jsonb(new) - '{revoked_at,revoked_by,revoked_why}'::text[]) = (to_jsonb(old) - '{revoked_at,revoked_by,revoked_why}'::text[])
  then
    return new;
  end if;
  raise exception '% of an API key is refused: it can be revoked, once', lower(tg_op) using errcode = 'restrict_violation';
end
$$;
create trigger api_keys_are_kept before update or delete on api_keys for each row execute function keep_api_key();

create table audit_log (
  seq bigint primary key check (seq > 0), -- without gaps
  entry text not null, -- JSON: seq, at, account, who, what, row; hashed as it stands
  previous text not null, -- hash of the row before; of the first: 64 zeros
  hash text not null unique,
  constraint audit_log_hashes check (hash = encode(sha256(convert_to(previous || entry, 'UTF8')), 'hex'))
);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception '% of the audit is refused', lower(tg_op) using errcode = 'restrict_violation';
end
$$;
create trigger audit_log_is_kept before update or delete or truncate on audit_log
  for each statement execute function refuse_audit_change();

-- What runs with the owner's rights looks for temporary tables last.
select set_config('search_path', quote_ident(current_schema) || ', pg_temp', true);

-- Adds a change to the chain, at the end of its transaction and as part of it; its arguments are columns that are left out. It runs with the
-- owner's rights: nobody else may write the audit.
create function audit_row() returns trigger language plpgsql security definer set search_path from current as $$
declare
  last record;
  whole jsonb := to_jsonb(new) - coalesce(tg_argv[0], '')::text - coalesce(tg_argv[1], '')::text;
  next_seq bigint;
  line text;
begin
  perform pg_advisory_xact_lock(hashtextextended(tg_table_schema || '!audit', 0));
  select seq, hash into last from audit_log order by seq desc limit 1;
  next_seq := coalesce(last.seq, 0) + 1;
  line := jsonb_build_object(
    'seq', next_seq, 'at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'account', session_user,
    'who', coalesce(whole ->> 'revoked_by', whole ->> 'by', whole ->> 'created_by', whole ->> 'requested_by', 'key:' || (whole ->> 'key_id')),
    'what', tg_table_name || ' ' || lower(tg_op), 'row', whole)::text;
  insert into audit_log (seq, entry, previous, hash)
  select next_seq, line, before, encode(sha256(convert_to(before || line, 'UTF8')), 'hex')
  from (select coalesce(last.hash, repeat('0', 64)) as before) as chain;
  return null;
end
$$;

create constraint trigger audited after insert or update on api_keys
  deferrable initially deferred for each row execute function audit_row('sha256');
create constraint trigger audited after insert or update on refresh_tokens
  deferrable initially deferred for each row execute function audit_row('sha256');
create constraint trigger audited after insert on issued_tokens
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert or update on aliases
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert on registry_events
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert on promotion_events
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert on promotion_decisions
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert on data_tag_events
  deferrable initially deferred for each row execute function audit_row();
create constraint trigger audited after insert on model_signatures
  deferrable initially deferred for each row execute function audit_row('envelope');
