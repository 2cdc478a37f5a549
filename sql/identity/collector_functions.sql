-- These functions enrol collectors. A token leaves the server once, as the result of the call. It
-- is not in statement logs, and the tables hold only its SHA-256. The functions are SECURITY
-- INVOKER: pganalytics_admin may write the columns that they write, and no others.

-- new_token() hashes three UUIDs. Each has 122 random bits, together more than 256 bits from the
-- server's strong random source. Hashing hides the bits of a UUID that are fixed. The prefix shows
-- people, and programs that search files for secrets, that the text is a token.
CREATE FUNCTION pganalytics.new_token(prefix text DEFAULT 'pga') RETURNS text
    LANGUAGE sql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT prefix || '_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                   || uuid_send(gen_random_uuid())), 'hex')
$$;
COMMENT ON FUNCTION pganalytics.new_token(text) IS
    'a token of 256 random bits: pga of a collector, pge to enrol one, pgr to register one, pgm to read metrics';
GRANT EXECUTE ON FUNCTION pganalytics.new_token(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.create_collector(name text)
    RETURNS TABLE (collector_id uuid, token text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(name, E' \t\r\n'), '') = '' THEN
        RAISE EXCEPTION 'name of a collector must not be empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use the name of the host it runs on, for example.';
    END IF;
    token := pganalytics.new_token();
    INSERT INTO pganalytics.collectors AS c (name, token_sha256)
    VALUES (create_collector.name, sha256(convert_to(create_collector.token, 'UTF8')))
    ON CONFLICT ON CONSTRAINT collectors_name_key DO NOTHING
    RETURNING c.collector_id INTO create_collector.collector_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'collector "%" already exists', name
            USING ERRCODE = 'unique_violation',
                  HINT = 'Use pganalytics.rotate_token() to give it a new token.';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION pganalytics.create_collector(text) IS
    'enrols a collector; its token is shown this one time';
GRANT EXECUTE ON FUNCTION pganalytics.create_collector(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.collector_named(name text) RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT c.collector_id INTO found_id FROM pganalytics.collectors c
    WHERE c.name = collector_named.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'collector % does not exist', coalesce('"' || name || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Their names are in pganalytics.collector_status.';
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION pganalytics.collector_named(text) IS 'the id of a collector, or an error';
GRANT EXECUTE ON FUNCTION pganalytics.collector_named(text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- token_cutoff() returns a new tokens_valid_from: signed tokens issued before it are refused. It is
-- 5 s ahead, because a worker that has not seen the commit yet may still sign tokens, and because a
-- token's time of issue is in whole seconds. A worker that has seen the commit dates new tokens
-- later than the cutoff.
CREATE FUNCTION pganalytics.token_cutoff() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT clock_timestamp() + interval '5 s' $$;
COMMENT ON FUNCTION pganalytics.token_cutoff() IS
    'what tokens_valid_from becomes when tokens are revoked';
GRANT EXECUTE ON FUNCTION pganalytics.token_cutoff() TO pganalytics_admin;

CREATE FUNCTION pganalytics.rotate_token(name text)
    RETURNS TABLE (collector_id uuid, token text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    collector_id := pganalytics.collector_named(name);
    token := pganalytics.new_token();
    UPDATE pganalytics.collectors AS c
    SET token_sha256 = sha256(convert_to(rotate_token.token, 'UTF8')),
        tokens_valid_from = pganalytics.token_cutoff()
    WHERE c.collector_id = rotate_token.collector_id;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION pganalytics.rotate_token(text) IS
    'gives a collector a new token, shown this one time; the old one, and signed tokens, are refused from the commit on';
GRANT EXECUTE ON FUNCTION pganalytics.rotate_token(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.set_collector_enabled(name text, enabled boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF enabled IS NULL THEN
        RAISE EXCEPTION 'enabled must be true or false'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    UPDATE pganalytics.collectors AS c SET enabled = set_collector_enabled.enabled
    WHERE c.collector_id = pganalytics.collector_named(set_collector_enabled.name);
END
$$;
COMMENT ON FUNCTION pganalytics.set_collector_enabled(text, boolean) IS
    'lets a collector push, or refuses it from the commit on';
GRANT EXECUTE ON FUNCTION pganalytics.set_collector_enabled(text, boolean) TO pganalytics_admin;

-- set_query_limit() accepts the same range as the setting and as the CHECK on the column. It checks
-- the range itself, because the error of a violated CHECK would not say what to do.
CREATE FUNCTION pganalytics.set_query_limit(name text, max_queries integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF max_queries NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'limit of queries per database must be between 1 and 100000, not %',
                        max_queries
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'NULL gives the collector the setting pganalytics.max_queries_per_db again.';
    END IF;
    UPDATE pganalytics.collectors AS c SET max_queries_per_db = max_queries
    WHERE c.collector_id = pganalytics.collector_named(set_query_limit.name);
END
$$;
COMMENT ON FUNCTION pganalytics.set_query_limit(text, integer) IS
    'how many queries of each database are kept from a sample of a collector; NULL: as the setting says';
GRANT EXECUTE ON FUNCTION pganalytics.set_query_limit(text, integer) TO pganalytics_admin;
