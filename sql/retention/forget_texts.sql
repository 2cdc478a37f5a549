-- forget_query_text() removes texts with statements in them, wherever they are stored, and keeps them
-- away. It is for a secret that a text holds in spite of pganalytics.query_texts.

-- A row for each call. The audit log gets it from a trigger. The pattern is not in it: it may be the
-- secret.
CREATE TABLE pganalytics.text_removals (
    text_removal_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    removed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    removed_by text NOT NULL DEFAULT SESSION_USER,
    server text,
    queryid bigint,
    texts bigint NOT NULL,
    samples bigint NOT NULL
);
COMMENT ON TABLE pganalytics.text_removals IS 'the calls of forget_query_text(); without server and queryid: by a pattern, which is not kept';
COMMENT ON COLUMN pganalytics.text_removals.texts IS 'different texts that were found and are not stored again';
COMMENT ON COLUMN pganalytics.text_removals.samples IS 'rows of sessions, locks, log lines and definitions that have lost a text';
GRANT SELECT ON pganalytics.text_removals TO pganalytics_admin;

CREATE FUNCTION pganalytics.text_hash(text text) RETURNS uuid
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT encode(substr(sha256(convert_to(text, 'UTF8')), 1, 16), 'hex')::uuid $$;
COMMENT ON FUNCTION pganalytics.text_hash(text) IS 'the hash of query_texts and forgotten_texts';
GRANT EXECUTE ON FUNCTION pganalytics.text_hash(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.oldest_text(anew boolean) RETURNS timestamptz
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_oldest_text';
COMMENT ON FUNCTION pganalytics.oldest_text(boolean) IS
    'the time of the oldest sample with a text that a push has brought since the call with true; infinity: none has';

-- forget_texts() removes the texts that are equal to one of `texts` or LIKE `pattern`. It goes through
-- the samples twice. While it does so for the first time, pushes go on, and may store such a text once
-- more. Then it locks forgotten_texts: from there on every push that brings a text waits for the
-- commit, and those before it are in the tables. So the second time is short: it reads the samples
-- from the oldest one on that came meanwhile. A cell of JSON goes as a whole.
CREATE FUNCTION pganalytics.forget_texts(
        texts text[], pattern text, OUT forgotten bigint, OUT samples bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    since timestamptz := '-infinity';
    strings text[] := ARRAY(SELECT to_json(t.text)::text FROM unnest(texts) AS t(text));
    place record;
    affected bigint;
    matching text;
BEGIN
    -- Two calls at once would deadlock at the second lock.
    LOCK TABLE pganalytics.forgotten_texts IN SHARE ROW EXCLUSIVE MODE;
    -- Wait for the pushes that run, so that the first time sees what they have stored. The end of
    -- the block undoes the lock.
    BEGIN
        LOCK TABLE pganalytics.forgotten_texts IN ACCESS EXCLUSIVE MODE;
        PERFORM pganalytics.oldest_text(true);
        RAISE SQLSTATE 'PGA00';
    EXCEPTION
        WHEN SQLSTATE 'PGA00' THEN
            NULL;
    END;
    forgotten := 0;
    samples := 0;
    FOR turn IN 1..2 LOOP
        IF turn = 2 THEN
            LOCK TABLE pganalytics.forgotten_texts IN ACCESS EXCLUSIVE MODE;
            since := pganalytics.oldest_text(false);
        END IF;
        FOR place IN SELECT c.relation, c.name, c.content, c.type FROM pganalytics.metric_columns() c
                     WHERE c.role = 'value' AND c.content <> 'names' AND c.type IN ('text', 'json')
        LOOP
            matching := format('WHERE s.sampled_at >= $3 AND (s.%1$I::pg_catalog.text LIKE $2 OR ' ||
                CASE place.type WHEN 'json' THEN 'EXISTS (SELECT FROM unnest($4) AS t(string) '
                                                 'WHERE strpos(s.%1$I::pg_catalog.text, t.string) > 0))'
                     ELSE 's.%1$I = ANY ($1))' END, place.name);
            -- A log line is known by its content_hash, which stays.
            IF place.content <> 'message' THEN
                EXECUTE format('INSERT INTO pganalytics.forgotten_texts (text_hash) '
                               'SELECT DISTINCT pganalytics.text_hash(s.%I::pg_catalog.text) FROM pganalytics.%I s ',
                               place.name, place.relation)
                        || matching || ' ON CONFLICT DO NOTHING'
                USING texts, pattern, since, strings;
                GET DIAGNOSTICS affected = ROW_COUNT;
                forgotten := forgotten + affected;
            END IF;
            EXECUTE format('UPDATE pganalytics.%I s SET %I = NULL ', place.relation, place.name)
                    || matching
            USING texts, pattern, since, strings;
            GET DIAGNOSTICS affected = ROW_COUNT;
            samples := samples + affected;
        END LOOP;
    END LOOP;
    INSERT INTO pganalytics.forgotten_texts (text_hash)
    SELECT t.text_hash FROM pganalytics.query_texts t WHERE t.text = ANY (texts) OR t.text LIKE pattern
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS affected = ROW_COUNT;
    forgotten := forgotten + affected;
    WITH gone AS (
        DELETE FROM pganalytics.query_texts t WHERE t.text = ANY (texts) OR t.text LIKE pattern
        RETURNING t.text_id)
    UPDATE pganalytics.query_series s SET text_id = NULL, text_state = 'forgotten'
    FROM gone WHERE s.text_id = gone.text_id;
END
$$;
COMMENT ON FUNCTION pganalytics.forget_texts(text[], text) IS
    'removes the texts that are one of these or match the pattern; for forget_query_text()';

-- The two functions are SECURITY DEFINER, because no role of ours may change samples.
CREATE FUNCTION pganalytics.forget_query_text(
        queryid bigint, server text, collector text DEFAULT NULL, OUT texts bigint, OUT samples bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_series text[];
BEGIN
    SELECT array_agg(DISTINCT t.text) FILTER (WHERE t.text IS NOT NULL) INTO of_series
    FROM pganalytics.query_series s
    JOIN pganalytics.servers v ON v.server_id = s.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    LEFT JOIN pganalytics.query_texts t ON t.text_id = s.text_id
    WHERE s.queryid = forget_query_text.queryid AND v.name = forget_query_text.server
      AND c.name = coalesce(forget_query_text.collector, c.name)
    HAVING count(*) > 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'query % of server % is not known', coalesce(queryid::text, 'NULL'),
                        coalesce('"' || server || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'The columns queryid and server of pganalytics.queries have what is known.';
    END IF;
    SELECT f.forgotten, f.samples INTO texts, samples FROM pganalytics.forget_texts(of_series, NULL) f;
    -- What was not found by its text stays away, too: the query has another one in the next push.
    UPDATE pganalytics.query_series s SET text_state = 'forgotten'
    FROM pganalytics.servers v JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    WHERE v.server_id = s.server_id AND s.queryid = forget_query_text.queryid AND s.text_id IS NULL
      AND v.name = forget_query_text.server
      AND c.name = coalesce(forget_query_text.collector, c.name);
    INSERT INTO pganalytics.text_removals (server, queryid, texts, samples)
    VALUES (forget_query_text.server, forget_query_text.queryid, forget_query_text.texts,
            forget_query_text.samples);
END
$$;
COMMENT ON FUNCTION pganalytics.forget_query_text(bigint, text, text) IS
    'removes the text of a query wherever it is stored, and keeps it away; collector NULL: of any collector';
GRANT EXECUTE ON FUNCTION pganalytics.forget_query_text(bigint, text, text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.forget_query_text(pattern text, OUT texts bigint, OUT samples bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (length(regexp_replace(pattern, '[%_\s]', '', 'g')) >= 4) IS NOT TRUE THEN
        RAISE EXCEPTION 'pattern of texts to forget is too general'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'A pattern has at least four characters beside %, _ and spaces.',
                  HINT = 'Write it as for LIKE, such as ''%secret%''.';
    END IF;
    SELECT f.forgotten, f.samples INTO texts, samples FROM pganalytics.forget_texts('{}', pattern) f;
    INSERT INTO pganalytics.text_removals (texts, samples)
    VALUES (forget_query_text.texts, forget_query_text.samples);
END
$$;
COMMENT ON FUNCTION pganalytics.forget_query_text(text) IS
    'removes the texts that are LIKE a pattern wherever they are stored, and keeps them away';
GRANT EXECUTE ON FUNCTION pganalytics.forget_query_text(text) TO pganalytics_admin;
