-- Who may use the API: tokens, and browsers that logged in with one. A hash goes in as hex text and is never selected:
-- parameters that are bytes would be sealed as payloads, differently each time.

-- token_create: A token, unless one that has not been revoked has its name.
with made as (
  insert into wf.token (name, hash, scope, workflows, created_by, created_at, expires_at)
  values (
    %(name)s, decode(%(hash)s, 'hex'), %(scope)s, cast(%(workflows)s as text[]), %(actor)s,
    coalesce(to_timestamp(%(now)s), now()),
    coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(expires_in)s)
  )
  on conflict (name) where revoked_at is null do nothing
  returning id, name, scope, workflows, created_by, created_at, expires_at, used_at
), noted as (
  insert into wf.audit (actor, action, workflow, instance, detail, at)
  select %(actor)s, 'token_create', '', name, %(detail)s, created_at from made
)
select id, name, scope, workflows, created_by, created_at, expires_at, used_at from made

-- token_list: The tokens that have not been revoked.
select id, name, scope, workflows, created_by, created_at, expires_at, used_at
from wf.token
where revoked_at is null
order by name

-- token_revoke: A token ends, and every login with it.
with gone as (
  update wf.token
  set revoked_at = coalesce(to_timestamp(%(now)s), now())
  where name = %(name)s and revoked_at is null
  returning id, name, revoked_at
), logged_out as (
  delete from wf.session using gone where session.token = gone.id
), noted as (
  insert into wf.audit (actor, action, workflow, instance, at)
  select %(actor)s, 'token_revoke', '', name, revoked_at from gone
)
select id from gone

-- token_find: A valid token by its hash. That it was used is noted once a minute.
with found as (
  select id, name, scope, workflows, created_by, created_at, expires_at, used_at
  from wf.token
  where
    hash = decode(%(hash)s, 'hex') and revoked_at is null
    and (expires_at is null or expires_at > coalesce(to_timestamp(%(now)s), now()))
), noted as (
  update wf.token
  set used_at = coalesce(to_timestamp(%(now)s), now())
  from found
  where
    token.id = found.id
    and (found.used_at is null or found.used_at <= coalesce(to_timestamp(%(now)s), now()) - interval '1 minute')
)
select id, name, scope, workflows, created_by, created_at, expires_at, used_at from found

-- token_any: Whether a token was ever made, whatever has become of it.
select exists (select 1 from wf.token)

-- token_any_valid: Whether there is a valid token.
select exists (
  select 1 from wf.token
  where revoked_at is null and (expires_at is null or expires_at > coalesce(to_timestamp(%(now)s), now()))
)

-- session_create: A browser logs in; those whose time is over are removed.
with over as (
  delete from wf.session where expires_at <= coalesce(to_timestamp(%(now)s), now())
)
insert into wf.session (hash, token, csrf, created_at, expires_at)
values (
  decode(%(hash)s, 'hex'), %(token)s, %(csrf)s, coalesce(to_timestamp(%(now)s), now()),
  coalesce(to_timestamp(%(now)s), now()) + make_interval(secs => %(ttl)s)
)

-- session_find: The valid token of a browser's session, and what its forms must send along.
with found as (
  select
    token.id, name, scope, workflows, created_by, token.created_at, token.expires_at, used_at, session.csrf
  from wf.session join wf.token on token.id = session.token
  where
    session.hash = decode(%(hash)s, 'hex') and revoked_at is null
    and session.expires_at > coalesce(to_timestamp(%(now)s), now())
    and (token.expires_at is null or token.expires_at > coalesce(to_timestamp(%(now)s), now()))
), noted as (
  update wf.token
  set used_at = coalesce(to_timestamp(%(now)s), now())
  from found
  where
    token.id = found.id
    and (found.used_at is null or found.used_at <= coalesce(to_timestamp(%(now)s), now()) - interval '1 minute')
)
select id, name, scope, workflows, created_by, created_at, expires_at, used_at, csrf from found

-- session_delete: A browser logs out.
delete from wf.session where hash = decode(%(hash)s, 'hex')
