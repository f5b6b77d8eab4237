#!/bin/sh
# Makes the role that postgres-exporter asks under: it sees PostgreSQL's statistics, and no table of ours. The image runs this
# when it makes its database; where there is one already, or for another password:
#   docker compose exec postgres sh /docker-entrypoint-initdb.d/exporter.sh
set -eu
export EXPORTER_PASSWORD_FILE="${EXPORTER_PASSWORD_FILE:-/run/secrets/postgres_exporter_password}"
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set password `cat "$EXPORTER_PASSWORD_FILE"`
SELECT 'CREATE ROLE roomlog_exporter' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'roomlog_exporter') \gexec
ALTER ROLE roomlog_exporter LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 PASSWORD :'password';
ALTER ROLE roomlog_exporter SET default_transaction_read_only = on;
GRANT pg_monitor TO roomlog_exporter;
SQL
