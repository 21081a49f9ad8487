-- Tables of evidence, for PostgreSQL 13 and later. Run by their owner (postgresql.prepare); may be
-- repeated. Writers add and read, readers read; the triggers refuse the owner, too.
CREATE SCHEMA IF NOT EXISTS evidence;

CREATE TABLE IF NOT EXISTS evidence.records (
    uid text NOT NULL,
    lab text NOT NULL,
    sandbox text NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    previous_sequence bigint,
    previous text NOT NULL CHECK (previous ~ '^[0-9a-f]{64}$'),
    idempotency_key text NOT NULL,
    envelope text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (uid, sequence),
    UNIQUE (uid, idempotency_key),
    UNIQUE (uid, lab, sandbox, sequence, digest),
    CHECK ((sequence = 0) = (previous_sequence IS NULL)),
    CHECK (previous_sequence IS NULL OR previous_sequence = sequence - 1),
    -- No gap, no fork, no other name half-way.
    FOREIGN KEY (uid, lab, sandbox, previous_sequence, previous)
        REFERENCES evidence.records (uid, lab, sandbox, sequence, digest)
);

CREATE TABLE IF NOT EXISTS evidence.documents (
    sha256 text PRIMARY KEY CHECK (sha256 = encode(sha256(content), 'hex')),
    uid text NOT NULL,
    content bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE OR REPLACE FUNCTION evidence.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence is append only: % on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

DROP TRIGGER IF EXISTS append_only ON evidence.records;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence.records
    FOR EACH STATEMENT EXECUTE FUNCTION evidence.refuse();
DROP TRIGGER IF EXISTS append_only ON evidence.documents;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence.documents
    FOR EACH STATEMENT EXECUTE FUNCTION evidence.refuse();

REVOKE ALL ON SCHEMA evidence FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA evidence FROM PUBLIC, evidence_writer, evidence_reader;
GRANT USAGE ON SCHEMA evidence TO evidence_writer, evidence_reader;
GRANT SELECT, INSERT ON evidence.records, evidence.documents TO evidence_writer;
GRANT SELECT ON evidence.records, evidence.documents TO evidence_reader;
