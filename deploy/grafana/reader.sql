-- SPDX-License-Identifier: MIT
-- The role that Grafana reads with: SELECT on the store's tables, those to come included, and nothing else.
-- Run by the owner of the tables, who also needs CREATEROLE, in their database, with psql 15 on; may be run again (a new
-- password). Name and password come from the environment, never from a command line:
--   GF_DB_USER=grafana_reader GF_DB_PASSWORD=... psql -d twin_data -U twin -f reader.sql
-- In the image of PostgreSQL or TimescaleDB it is a file of /docker-entrypoint-initdb.d.
\set ON_ERROR_STOP on
\getenv reader GF_DB_USER
\getenv password GF_DB_PASSWORD
\if :{?reader}
\if :{?password}
\else
DO $$ BEGIN RAISE EXCEPTION 'reader.sql: GF_DB_PASSWORD is not set'; END $$;
\endif
\else
DO $$ BEGIN RAISE EXCEPTION 'reader.sql: GF_DB_USER is not set'; END $$;
\endif

BEGIN;
SELECT format('CREATE ROLE %I', :'reader')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'reader') \gexec
-- one that was there may have more rights, which only a superuser could take from it
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS has_rights
FROM pg_roles WHERE rolname = :'reader' \gset
\if :has_rights
DO $$ BEGIN RAISE EXCEPTION 'reader.sql: the role of GF_DB_USER may do more than read; name another one'; END $$;
\endif
ALTER ROLE :"reader" LOGIN CONNECTION LIMIT 20 PASSWORD :'password';
-- a second fence, and an end to a question that is too long for a page that asks every 5 s
ALTER ROLE :"reader" SET default_transaction_read_only = on;
ALTER ROLE :"reader" SET statement_timeout = '20s';
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'reader') \gexec
GRANT USAGE ON SCHEMA public TO :"reader";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO :"reader";
COMMIT;
