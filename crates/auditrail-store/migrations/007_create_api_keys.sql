-- What: the table of API keys, which may do over HTTP what their scopes say.
-- Why: nothing is anonymous, so whoever writes or reads over HTTP has to be known, limited and shut
--      out at once. Of a key only its SHA-256 is kept: whoever reads this table, or a backup of it,
--      gets no key that works. No slow hash, because there is nothing to guess: a key has 160 random
--      bits.
--      Least privilege: programs that only write or read records need no right on this table. The
--      service needs SELECT, INSERT and UPDATE of revoked_at alone, so that it cannot widen, move or
--      remove a key it once made. `auditrail migrate grants` prints that.
--      A key is never deleted, because records name it as their actor for as long as they are kept.
-- Breaking: no
-- Transaction: yes

create table control_plane.audit_api_keys (
    id         uuid        not null,
    hash       bytea       not null,
    hint       text        not null,
    name       text,
    scopes     text[]      not null,
    tenant_id  text,
    created_at timestamptz not null default now(),
    created_by text        not null,
    expires_at timestamptz,
    revoked_at timestamptz,

    constraint audit_api_keys_pkey
        primary key (id),
    constraint audit_api_keys_hash_key
        unique (hash),
    constraint audit_api_keys_hash_check
        check (octet_length(hash) = 32),
    constraint audit_api_keys_scopes_check
        check (cardinality(scopes) > 0
            and array_ndims(scopes) = 1
            and scopes <@ array['write', 'read', 'export', 'admin']),
    constraint audit_api_keys_created_by_check
        check (created_by = 'system' or created_by ~ '^(user|api_key):.'),
    constraint audit_api_keys_expires_at_check
        check (expires_at > created_at)
);

comment on table control_plane.audit_api_keys is
    'API keys. One row is one key; a row is added, and revoked_at is set once. The keys themselves are nowhere.';
comment on column control_plane.audit_api_keys.id is
    'Identifies the key. No secret: it is the actor_id of records made with the key.';
comment on column control_plane.audit_api_keys.hash is
    'SHA-256 of the whole key, by which a request finds its row.';
comment on column control_plane.audit_api_keys.hint is
    'How the key starts, as adt_live_Ab3d, for people to tell keys apart.';
comment on column control_plane.audit_api_keys.name is
    'What people call the key; null when they do not.';
comment on column control_plane.audit_api_keys.scopes is
    'What the key may do: write, read, export, admin. None contains another.';
comment on column control_plane.audit_api_keys.tenant_id is
    'The only tenant the key may write for and see; null for all.';
comment on column control_plane.audit_api_keys.created_at is
    'When the key was made.';
comment on column control_plane.audit_api_keys.created_by is
    'Who made the key, as type:id, or system.';
comment on column control_plane.audit_api_keys.expires_at is
    'From when on the key is refused; null for never.';
comment on column control_plane.audit_api_keys.revoked_at is
    'When the key was revoked; null while it was not.';
