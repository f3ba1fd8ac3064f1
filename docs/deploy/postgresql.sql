-- Once, by an administrator of the server:  psql -h db.example.com -U postgres -f postgresql.sql
-- Two roles: who scores and makes tokens owns the tables; the service reads them, and writes feedback.
CREATE ROLE tenure LOGIN;
CREATE ROLE tenure_service LOGIN;
CREATE DATABASE tenure OWNER tenure ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE tenure FROM PUBLIC;
GRANT CONNECT ON DATABASE tenure TO tenure_service;

\connect tenure
CREATE SCHEMA tenure AUTHORIZATION tenure;
GRANT USAGE ON SCHEMA tenure TO tenure_service;
ALTER ROLE tenure IN DATABASE tenure SET search_path = tenure;
ALTER ROLE tenure_service IN DATABASE tenure SET search_path = tenure;
-- Also for tables that a later version adds.
ALTER DEFAULT PRIVILEGES FOR ROLE tenure IN SCHEMA tenure GRANT SELECT ON TABLES TO tenure_service;
ALTER DEFAULT PRIVILEGES FOR ROLE tenure IN SCHEMA tenure GRANT USAGE ON SEQUENCES TO tenure_service;
