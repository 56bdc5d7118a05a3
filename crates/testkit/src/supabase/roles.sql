-- The roles of a Supabase project, as its image sets them up (github.com/supabase/postgres, migrations/db), as far as a
-- migration meets them. Twice is as good as once.
do $$
declare
    role text;
begin
    -- Processes that share a server set it up at the same time, each in a database of its own: an advisory lock would hold in
    -- one database alone, this table is the whole server's.
    lock table pg_catalog.pg_authid in share row exclusive mode;
    foreach role in array array[
        'supabase_admin', 'postgres', 'anon', 'authenticated', 'service_role', 'authenticator', 'dashboard_user',
        'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin'
    ] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
    end loop;
    alter role supabase_admin superuser createdb createrole replication bypassrls login password 'secret';
    -- No superuser: it may create databases, roles and trusted extensions, and row-level security does not bind it.
    alter role postgres nosuperuser createdb createrole replication bypassrls login password 'secret';
    alter role anon nologin noinherit;
    alter role authenticated nologin noinherit;
    alter role service_role nologin noinherit bypassrls;
    alter role authenticator login noinherit password 'secret';
    alter role supabase_auth_admin login noinherit createrole password 'secret';
    alter role supabase_storage_admin login noinherit createrole password 'secret';
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role authenticator set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
    alter role postgres set statement_timeout = '2min';
    alter role postgres set search_path = "$user", public, extensions;
    alter role supabase_auth_admin set search_path = auth;
    grant anon, authenticated, service_role to authenticator;
    grant anon, authenticated, service_role, authenticator, pg_monitor, pg_read_all_data, pg_signal_backend
        to postgres with admin option;
end
$$;
