-- Refresh tokens that expired are no more than rows: upkeep deletes them. One that may still be used is ended by revoking it, never by
-- deleting it: that would let a copy of it go unnoticed. Who asked for which token stays in the audit.

create function keep_live_token() returns trigger language plpgsql as $$
begin
  if old.expires_at > clock_timestamp() then
    raise exception 'delete of a refresh token that has not expired is refused: revoke it' using errcode = 'restrict_violation';
  end if;
  return old;
end
$$;
create trigger refresh_tokens_are_kept before delete on refresh_tokens for each row execute function keep_live_token();
