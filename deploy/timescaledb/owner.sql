-- SPDX-License-Identifier: MIT
-- The owner of a new database: `twin`, which is no superuser. The image runs this once, as its superuser,
-- when the volume is empty, after grafana/reader.sql. The tables come when the first tool opens the store.
\set ON_ERROR_STOP on
\getenv password DB_PASSWORD
\getenv reader GF_DB_USER
\getenv database POSTGRES_DB
BEGIN;
SET LOCAL log_statement = 'none';
CREATE ROLE twin LOGIN PASSWORD :'password';
ALTER DATABASE :"database" OWNER TO twin;
GRANT ALL ON SCHEMA public TO twin;
-- those that twin will make: reader.sql has given what the superuser makes
ALTER DEFAULT PRIVILEGES FOR ROLE twin IN SCHEMA public GRANT SELECT ON TABLES TO :"reader";
COMMIT;
