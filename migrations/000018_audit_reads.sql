-- Who read what over the API of one environment (schema = environment): a chain of hashes like the audit's, a link for each batch, and the
-- expiry of its oldest links, each of which is a change that the audit knows.

create table audit_reads (
  seq bigint primary key,
  batch uuid not null unique, -- one that is sent again, its acknowledgement having been lost, changes nothing
  entry text not null,
  previous text not null,
  hash text not null,
  constraint audit_reads_hashes check (hash = encode(sha256(convert_to(previous || entry, 'UTF8')), 'hex'))
);
-- Over the chained text itself: no column beside it could be changed and hide a read from whoever looks for it.
create index audit_reads_at on audit_reads ((entry::jsonb ->> 'at'));
create index audit_reads_holding on audit_reads using gin ((entry::jsonb -> 'reads') jsonb_path_ops);

create table audit_read_expiries (
  position bigint generated always as identity primary key,
  at timestamptz not null,
  by text not null check (by <> ''),
  expire_before timestamptz not null,
  batches bigint not null,
  -- Where the chain begins from now on: what the first batch that is left follows.
  through_seq bigint not null,
  through_hash text not null
);
create index audit_log_read_expiries on audit_log (seq) where entry::jsonb ->> 'what' = 'audit_read_expiries insert';

-- Whoever writes gives the reads alone; place, moment, account and hash are added here.
create function chain_audit_reads() returns trigger language plpgsql set search_path from current as $$
declare
  last record;
begin
  perform pg_advisory_xact_lock(hashtextextended(tg_table_schema || '!audit_reads', 0));
  select seq, hash into last from (
    (select seq, hash from audit_reads order by seq desc limit 1) union all
    (select through_seq, through_hash from audit_read_expiries order by through_seq desc limit 1)) as ends order by seq desc limit 1;
  new.seq := coalesce(last.seq, 0) + 1;
  new.previous := coalesce(last.hash, repeat('0', 64));
  new.entry := jsonb_build_object('seq', new.seq, 'account', session_user, 'batch', new.batch, 'reads', new.entry::jsonb,
    'at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text;
  new.hash := encode(sha256(convert_to(new.previous || new.entry, 'UTF8')), 'hex');
  return new;
end
$$;
create trigger audit_reads_are_chained before insert on audit_reads for each row execute function chain_audit_reads();

create function keep_audit_read() returns trigger language plpgsql set search_path from current as $$
begin
  if exists (select from audit_read_expiries where through_seq >= old.seq) then return old; end if;
  raise exception 'delete of a read is refused: reads expire' using errcode = 'restrict_violation';
end
$$;
create trigger audit_reads_are_kept before delete on audit_reads for each row execute function keep_audit_read();
create trigger audit_reads_stay before update or truncate on audit_reads for each statement execute function refuse_audit_change();
create trigger audit_read_expiries_are_kept before update or delete or truncate on audit_read_expiries
  for each statement execute function refuse_audit_change();

-- Whoever expires says how old and who he is. The last thirty days stay, whoever asks; where nothing is as old, nothing is recorded.
create function plan_audit_read_expiry() returns trigger language plpgsql set search_path from current as $$
declare
  bound text := to_char(new.expire_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
begin
  new.at := clock_timestamp();
  if new.expire_before > new.at - interval '30 days' then
    raise exception 'reads of the last 30 days stay' using errcode = 'restrict_violation';
  end if;
  perform pg_advisory_xact_lock(hashtextextended(tg_table_schema || '!audit_reads', 0));
  -- All before the first that is younger: a clock that was set back takes none with it.
  select seq, hash into new.through_seq, new.through_hash from audit_reads
    where seq < coalesce((select seq from audit_reads where entry::jsonb ->> 'at' >= bound order by seq limit 1), 9223372036854775807)
    order by seq desc limit 1;
  if not found then return null; end if;
  select count(*) into new.batches from audit_reads where seq <= new.through_seq;
  return new;
end
$$;
create trigger audit_read_expiries_are_planned before insert on audit_read_expiries
  for each row execute function plan_audit_read_expiry();

-- What runs with the owner's rights looks for temporary tables last.
select set_config('search_path', quote_ident(current_schema) || ', pg_temp', true);

-- With the owner's rights: nobody else may delete a read.
create function expire_audit_reads() returns trigger language plpgsql security definer set search_path from current as $$
begin
  delete from audit_reads where seq <= new.through_seq;
  return null;
end
$$;
create trigger audit_reads_expire after insert on audit_read_expiries for each row execute function expire_audit_reads();

create constraint trigger audited after insert on audit_read_expiries
  deferrable initially deferred for each row execute function audit_row();
