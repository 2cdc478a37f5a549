-- These functions make the body of a delivery: alerts in Alertmanager's format, or the text for
-- other kinds of channels. None of them reads a table.

CREATE FUNCTION pganalytics.external_url() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN rtrim(coalesce(nullif(current_setting('pganalytics.external_url', true), ''),
                          pganalytics.people_url(), ''), '/');
END
$$;
COMMENT ON FUNCTION pganalytics.external_url() IS
    'the beginning of links in alerts: pganalytics.external_url, else the address of the port for people, else empty';
GRANT EXECUTE ON FUNCTION pganalytics.external_url() TO pganalytics_admin, pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_time(moment timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
COMMENT ON FUNCTION pganalytics.alert_time(timestamptz) IS 'a time as RFC 3339 has it, in UTC';
GRANT EXECUTE ON FUNCTION pganalytics.alert_time(timestamptz) TO pganalytics_admin, pganalytics_alerts;

-- Labels and annotations are sent as texts, because a receiver refuses a delivery with any other
-- value in them. Empty ones are left out.
CREATE FUNCTION pganalytics.alert_texts(texts jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(t.key, t.value) FILTER (WHERE t.value <> ''), '{}')
    FROM jsonb_each_text(texts) t
$$;
COMMENT ON FUNCTION pganalytics.alert_texts(jsonb) IS 'the members of an object that are not empty, as texts';
GRANT EXECUTE ON FUNCTION pganalytics.alert_texts(jsonb) TO pganalytics_alerts;

-- If the alert has not ended, endsAt is Go's zero time (year 1), as Alertmanager itself writes it.
CREATE FUNCTION pganalytics.alert_notice(alert pganalytics.alerts, status text, link text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'status', status,
        'labels', pganalytics.alert_texts(alert.labels),
        'annotations', pganalytics.alert_texts(
            alert.annotations || CASE WHEN alert.runbook_url IS NULL THEN '{}'::jsonb
                                      ELSE jsonb_build_object('runbook_url', alert.runbook_url) END),
        'startsAt', pganalytics.alert_time(alert.fired_at),
        'endsAt', CASE status WHEN 'resolved' THEN pganalytics.alert_time(alert.resolved_at)
                              ELSE '0001-01-01T00:00:00Z' END,
        'generatorURL', coalesce(nullif(link, '') || '/api/v1/alerts/' || alert.alert_id, ''),
        'fingerprint', alert.fingerprint)
$$;
COMMENT ON FUNCTION pganalytics.alert_notice(pganalytics.alerts, text, text) IS
    'an alert in the format of Alertmanager''s webhook';
GRANT EXECUTE ON FUNCTION pganalytics.alert_notice(pganalytics.alerts, text, text) TO pganalytics_alerts;

-- most_notice_bytes() bounds the notices of one body, and so the body: a receiver has a limit, too,
-- and the courier takes 16 MiB.
CREATE FUNCTION pganalytics.most_notice_bytes() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT 1048576 $$;
COMMENT ON FUNCTION pganalytics.most_notice_bytes() IS 'the largest size of all notices of a delivery';
GRANT EXECUTE ON FUNCTION pganalytics.most_notice_bytes() TO pganalytics_alerts;

-- The engine writes only notices that are right. Others come from a superuser or from a dump that
-- was changed; no such row may stop the deliveries of the others.
CREATE FUNCTION pganalytics.notice_problem(notice jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN jsonb_typeof(notice) IS DISTINCT FROM 'object' THEN 'the alert is no object'
        WHEN jsonb_typeof(notice -> 'labels') IS DISTINCT FROM 'object' THEN 'labels is no object'
        WHEN jsonb_typeof(notice -> 'annotations') IS DISTINCT FROM 'object' THEN
            'annotations is no object'
        WHEN EXISTS (SELECT FROM jsonb_each(notice -> 'labels') AS l
                     WHERE jsonb_typeof(l.value) <> 'string') THEN 'a label is no text'
        WHEN EXISTS (SELECT FROM jsonb_each(notice -> 'annotations') AS a
                     WHERE jsonb_typeof(a.value) <> 'string') THEN 'an annotation is no text'
        WHEN (notice ->> 'status' IN ('firing', 'resolved')) IS NOT TRUE THEN
            'status is neither firing nor resolved'
        WHEN jsonb_typeof(notice -> 'startsAt') IS DISTINCT FROM 'string'
             OR jsonb_typeof(notice -> 'endsAt') IS DISTINCT FROM 'string' THEN
            'startsAt or endsAt is no text'
        WHEN octet_length(notice::text) > pganalytics.most_notice_bytes() THEN
            format('the alert is larger than %s bytes', pganalytics.most_notice_bytes())
    END
$$;
COMMENT ON FUNCTION pganalytics.notice_problem(jsonb) IS
    'why an alert of the outbox cannot be sent; NULL: it can';
GRANT EXECUTE ON FUNCTION pganalytics.notice_problem(jsonb) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_group_labels(labels jsonb, group_by text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(l.key, l.value), '{}')
    FROM jsonb_each_text(labels) l WHERE l.key = ANY (group_by)
$$;
COMMENT ON FUNCTION pganalytics.alert_group_labels(jsonb, text[]) IS 'the labels by which an alert is grouped';
GRANT EXECUTE ON FUNCTION pganalytics.alert_group_labels(jsonb, text[]) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_group_key(group_labels jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{}:{' || coalesce(string_agg(l.key || '=' || to_json(l.value), ', '
                                         ORDER BY l.key COLLATE "C"), '') || '}'
    FROM jsonb_each_text(group_labels) l
$$;
COMMENT ON FUNCTION pganalytics.alert_group_key(jsonb) IS
    'the name of a group, as Alertmanager writes those of its first route: {}:{alertname="disk_full"}';
GRANT EXECUTE ON FUNCTION pganalytics.alert_group_key(jsonb) TO pganalytics_alerts;

-- visible_text() is in C, because it looks at each character.
CREATE FUNCTION pganalytics.visible_text(text text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_visible_text';
COMMENT ON FUNCTION pganalytics.visible_text(text) IS
    'a text in which control and format characters, which have no shape or change how others are shown, are escapes such as \u202e';
GRANT EXECUTE ON FUNCTION pganalytics.visible_text(text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

-- alert_line() makes a text one line in which everything can be seen. Otherwise a value could add
-- lines to a message or reverse the direction of its text.
CREATE FUNCTION pganalytics.alert_line(line text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pganalytics.visible_text(regexp_replace(line, '[\t\n\r]+', ' ', 'g'))
$$;
COMMENT ON FUNCTION pganalytics.alert_line(text) IS 'a text as one line, without control characters';
GRANT EXECUTE ON FUNCTION pganalytics.alert_line(text) TO pganalytics_alerts;

-- A label is quoted. Otherwise the value of one label could look like another label.
CREATE FUNCTION pganalytics.alert_label(name text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT name || '=' || pganalytics.visible_text(to_json(value)::text)
$$;
COMMENT ON FUNCTION pganalytics.alert_label(text, text) IS 'a label in a text for people: name="value"';
GRANT EXECUTE ON FUNCTION pganalytics.alert_label(text, text) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_subject(notices jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(pganalytics.alert_line(
        '[' || concat_ws(', ', 'FIRING:' || nullif(s.firing, 0), 'RESOLVED:' || nullif(s.resolved, 0))
        || '] ' || CASE WHEN s.names > 3 THEN s.names || ' alerts' ELSE s.listed END
        || coalesce(' (' || s.worst || ')', '')), 160)
    FROM (SELECT count(*) FILTER (WHERE n ->> 'status' = 'firing') AS firing,
                 count(*) FILTER (WHERE n ->> 'status' = 'resolved') AS resolved,
                 count(DISTINCT n -> 'labels' ->> 'alertname') AS names,
                 string_agg(DISTINCT n -> 'labels' ->> 'alertname', ', ') AS listed,
                 (ARRAY['critical', 'warning', 'info'])[min(array_position(
                     ARRAY['critical', 'warning', 'info'], n -> 'labels' ->> 'severity'))] AS worst
          FROM jsonb_array_elements(notices) n) AS s
$$;
COMMENT ON FUNCTION pganalytics.alert_subject(jsonb) IS 'one line about several alerts';
GRANT EXECUTE ON FUNCTION pganalytics.alert_subject(jsonb) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_text(notices jsonb, shown integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(concat_ws(E'\n  ',
        pganalytics.alert_line(concat_ws(' ', upper(n.notice ->> 'status'),
            n.notice -> 'labels' ->> 'severity', n.notice -> 'labels' ->> 'alertname')
            || coalesce(': ' || (n.notice -> 'annotations' ->> 'summary'), '')),
        pganalytics.alert_line(n.notice -> 'annotations' ->> 'description'),
        (SELECT string_agg(pganalytics.alert_label(l.key, l.value), ', ' ORDER BY l.key COLLATE "C")
         FROM jsonb_each_text(n.notice -> 'labels') l WHERE l.key NOT IN ('alertname', 'severity')),
        'since ' || (n.notice ->> 'startsAt')
            || CASE n.notice ->> 'status' WHEN 'resolved' THEN ' until ' || (n.notice ->> 'endsAt')
                                          ELSE '' END,
        (SELECT string_agg(a.key || ': ' || pganalytics.alert_line(a.value), E'\n  '
                           ORDER BY a.key COLLATE "C")
         FROM jsonb_each_text(n.notice -> 'annotations') a
         WHERE a.key NOT IN ('summary', 'description')),
        nullif(pganalytics.alert_line(n.notice ->> 'generatorURL'), '')), E'\n\n' ORDER BY n.place)
        FILTER (WHERE n.place <= shown)
        || CASE WHEN count(*) > shown THEN E'\n\nand ' || count(*) - shown || ' more' ELSE '' END
    FROM jsonb_array_elements(notices) WITH ORDINALITY AS n(notice, place)
$$;
COMMENT ON FUNCTION pganalytics.alert_text(jsonb, integer) IS 'several alerts, the first of them in words';
GRANT EXECUTE ON FUNCTION pganalytics.alert_text(jsonb, integer) TO pganalytics_alerts;

-- Like Prometheus, alertmanager_body() gives a firing alert an end time four minutes ahead, and
-- each resend moves that time. So if this server stops sending, Alertmanager drops its alerts.
CREATE FUNCTION pganalytics.alertmanager_body(notices jsonb, at timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object(
        'labels', n.notice -> 'labels', 'annotations', n.notice -> 'annotations',
        'startsAt', n.notice -> 'startsAt',
        'endsAt', CASE n.notice ->> 'status'
                      WHEN 'resolved' THEN n.notice -> 'endsAt'
                      ELSE to_jsonb(pganalytics.alert_time(at + interval '4 min')) END,
        'generatorURL', n.notice -> 'generatorURL') ORDER BY n.place)::text
    FROM jsonb_array_elements(notices) WITH ORDINALITY AS n(notice, place)
$$;
COMMENT ON FUNCTION pganalytics.alertmanager_body(jsonb, timestamptz) IS
    'alerts as Alertmanager''s API v2 takes them';
GRANT EXECUTE ON FUNCTION pganalytics.alertmanager_body(jsonb, timestamptz) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.webhook_body(receiver text, group_key text, group_labels jsonb, notices jsonb)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'version', '4', 'groupKey', group_key, 'truncatedAlerts', 0,
        'status', CASE WHEN notices @> '[{"status": "firing"}]' THEN 'firing' ELSE 'resolved' END,
        'receiver', receiver, 'groupLabels', group_labels,
        'commonLabels', c.common -> 'labels', 'commonAnnotations', c.common -> 'annotations',
        'externalURL', pganalytics.external_url(), 'alerts', notices)::text
    FROM (SELECT jsonb_object_agg(m.member, (
              SELECT coalesce(jsonb_object_agg(k.key, k.value), '{}')
              FROM (SELECT t.key, t.value
                    FROM jsonb_array_elements(notices) n, jsonb_each_text(n -> m.member) t
                    GROUP BY t.key, t.value HAVING count(*) = jsonb_array_length(notices)) AS k)) AS common
          FROM (VALUES ('labels'), ('annotations')) AS m(member)) AS c
$$;
COMMENT ON FUNCTION pganalytics.webhook_body(text, text, jsonb, jsonb) IS
    'alerts as Alertmanager''s webhooks have them, version 4';
GRANT EXECUTE ON FUNCTION pganalytics.webhook_body(text, text, jsonb, jsonb) TO pganalytics_alerts;

-- Slack finds mentions ("<!channel>") and links only between angle brackets, so angle brackets are
-- escaped. mrkdwn = false shows *, _, ~ and ` as they are: Slack has no escape for them.
CREATE FUNCTION pganalytics.slack_body(notices jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('mrkdwn', false, 'text', replace(replace(replace(left(
        pganalytics.alert_subject(notices) || E'\n\n' || pganalytics.alert_text(notices, 10), 16000),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'))::text
$$;
COMMENT ON FUNCTION pganalytics.slack_body(jsonb) IS 'alerts as a Slack-compatible webhook takes them';
GRANT EXECUTE ON FUNCTION pganalytics.slack_body(jsonb) TO pganalytics_alerts;
