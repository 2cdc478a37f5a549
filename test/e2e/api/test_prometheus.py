"""GET /metrics: who may read it, that it equals what SQL gives, and real programs that read it."""
import datetime
import json
import os
import re
import shutil
import signal
import textwrap

import pytest

import cluster
import pki
import product
from api_client import PASSWORD, ApiClient, assert_problem
from audit_view import await_event, last_id
from client import Client, push_body, query_rows
from hostile import Hostile
from identities import enroll
from prometheus_tools import Alertmanager, Prometheus, run
from raw_tls import TLS12, TLS13, Presented
from test_access import routes

CONTRIB = product.SOURCE / "contrib" / "prometheus"
FORMAT = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LAST_PUSH = "SELECT extract(epoch FROM max(received_at)) FROM pganalytics.push_ledger"
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Site:
    """Site is a server that accepts scrape certificates of one authority, and a scrape token for it."""

    def __init__(self, make_server, root):
        self.ca, self.other_ca = pki.Authority("Monitoring CA"), pki.Authority("Monitoring CA")
        ca_file = root / "monitoring.pem"
        ca_file.write_text(pki.pem(self.ca.certificate))
        cluster.own(ca_file)
        self.server = make_server("prometheus", ingest_workers=1, cert_rotation_days=5,
                                  metrics_client_ca_file=ca_file)
        self.db = self.server.db
        self.token = self.new_token("prometheus")
        self.collector = self.server.collector()

    def new_token(self, name):
        return self.db.value("SELECT token FROM pganalytics.create_scrape_token(%s)", name)

    @property
    def port(self):
        return self.server.cluster.api_port

    def scrape(self, token=None, headers=None):
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        with Client(self.port, self.server.ca_file, None) as client:
            return client.request("GET", "/metrics", headers=headers)

    def scrape_as(self, holder, version=TLS13, headers=(), path="/metrics", method="GET"):
        presented = Presented(holder.sent, holder.key)
        with Hostile(self.port, presented, version) as hostile:
            return hostile.request(method, path, headers=headers)

    def push(self, count=1):
        with self.server.client(self.collector) as client:
            for _ in range(count):
                answer = client.push(push_body(self.collector.collector_id, query_rows(3, 1)))
                assert answer.status == 200, answer


@pytest.fixture(scope="module")
def site(make_server, root):
    one = Site(make_server, root)
    one.push()
    return one


@pytest.fixture(scope="module")
def server(site):
    return site.server


@pytest.fixture
def stopping():
    """stopping stops everything that was given to it at the end of a test."""
    with cluster.Processes() as processes:
        def add(program):
            processes.add(program.stop)
            return program
        yield add


def samples_of(text):
    """samples_of maps (name, labels as sorted pairs) to the value."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = name, tuple(sorted(LABEL.findall(labels or "")))
        assert key not in found, f"{key} is there twice"
        found[key] = float(value)
    return found


class TestAnswer:
    def test_promtool_has_no_complaint(self, site):
        answer = site.scrape(site.token)
        assert (answer.status, answer.headers["content-type"]) == (200, FORMAT)
        done = run("promtool", "check", "metrics", text=answer.raw.decode())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_values_are_those_of_sql(self, site):
        """Values that do not change while nobody pushes equal those of the view."""
        samples = samples_of(site.scrape(site.token).raw.decode())
        rows = site.db.rows("SELECT name, labels, value FROM pganalytics.prometheus_samples "
                            "WHERE name ~ '_ingest_|_server|_collectors|_certificate_|_worker_'")
        assert len(rows) > 30
        for name, labels, value in rows:
            assert samples[name, tuple(sorted(labels.items()))] == value, (name, labels)
        (pushes, observed, stored) = site.db.row(
            "SELECT sum(pushes), sum(observed), sum(rows) FROM pganalytics.workers "
            "WHERE kind = 'ingest'")
        worker = (("worker", "1"),)
        assert samples["pganalytics_ingest_pushes_stored_total", worker] == pushes > 0
        assert samples["pganalytics_ingest_rows_observed_total", worker] == observed > 0
        assert samples["pganalytics_ingest_rows_stored_total", worker] == stored > 0
        names = (("collector", site.db.value("SELECT name FROM pganalytics.collectors WHERE "
                                             "collector_id = %s", site.collector.collector_id)),
                 ("server", "db-host-01"))
        assert samples["pganalytics_server_last_push_timestamp_seconds", names] == float(
            site.db.value(LAST_PUSH))

    def test_accounts_of_workers_are_those_of_the_ledger(self, site):
        """The counters cover merged, discarded and unchanged rows; a push that comes twice counts once."""
        body = push_body(site.collector.collector_id, query_rows(2, 7))
        old = push_body(site.collector.collector_id, query_rows(4, 7))
        old["metrics"][0]["timestamp"] = "2020-01-01T00:00:00Z"
        with site.server.client(site.collector) as client:
            for one in (body, body, old):
                assert client.push(one).status == 200
        columns = ("observed", "{}", "unchanged", "merged", "discarded_too_old",
                   "discarded_in_future", "discarded_too_large", "discarded_over_quota")
        sums = ", ".join(f"sum({column})::bigint" for column in columns)
        ledger = site.db.row("SELECT count(*), " + sums.format("stored") +
                             " FROM pganalytics.push_ledger")
        workers = site.db.row("SELECT sum(pushes), " + sums.format("rows") +
                              " FROM pganalytics.workers WHERE kind = 'ingest'")
        assert ledger == workers
        assert ledger[5] >= 4
        assert site.db.value("SELECT sum(duplicates) FROM pganalytics.workers") >= 1

    def test_document_has_every_metric(self, site):
        """docs/use/prometheus.md names each family, its type and its labels, and no other."""
        document = (product.SOURCE / "docs/use/prometheus.md").read_text()
        named = re.findall(r"^\| `(pganalytics_[a-z_]+)` \| (\w+) \| ([a-z_, ]*) ?\|", document,
                           re.MULTILINE)
        text = site.scrape(site.token).raw.decode()
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        documented = {name: kind for name, kind, _ in named}
        # Metrics of alert channels exist only if there is a channel.
        unseen = {name for name in documented if name.startswith("pganalytics_alert_")}
        assert {n: k for n, k in documented.items() if n not in unseen - set(types)} == types
        labels = {name: set(filter(None, text.strip().split(", "))) for name, _, text in named}
        for name, pairs in samples_of(text):
            assert {key for key, _ in pairs} <= labels[name], name

    def test_counters_do_not_go_back_over_a_killed_gateway(self, site):
        def counters():
            return {key: value for key, value in
                    samples_of(site.db.value("SELECT pganalytics.prometheus_metrics()")).items()
                    if key[0].endswith("_total")}

        site.push(3)
        accepted = ("pganalytics_gateway_connections_accepted_total",
                    (("kind", "api"), ("worker", "1")))
        restarts = "pganalytics_gateway_restarts_total", (("kind", "api"), ("worker", "1"))
        before = counters()
        cluster.wait_until(lambda: counters()[accepted] >= before[accepted], what="counts")
        before = counters()
        for kind in ("api", "ingest"):
            pid = site.db.value("SELECT gateway_pid FROM pganalytics.workers WHERE kind = %s", kind)
            os.kill(pid, signal.SIGKILL)
        assert site.scrape(site.token).status == 200
        site.push()
        after = counters()
        assert set(before) <= set(after)
        assert all(after[key] >= value for key, value in before.items())
        assert after[restarts] == before[restarts] + 1


class TestTokens:
    def test_who_may_not(self, site):
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {site.token}"},
                        {"Authorization": f"Bearer {site.token}x"},
                        {"Authorization": f"Bearer {site.token[:-1]}"},
                        {"Authorization": "Bearer " + "pgm_" + "0" * 64},
                        {"Authorization": f"Bearer {site.collector.token}"},
                        {"Authorization": "Bearer " + "a" * 5000}):
            answer = site.scrape(headers=headers)
            assert_problem(answer, 401)
            assert b"pganalytics_" not in answer.raw
        # A token in the query string is not accepted, as other servers would.
        with Client(site.port, site.server.ca_file, None) as client:
            assert client.request("GET", f"/metrics?token={site.token}").status == 401
            assert client.request("POST", "/metrics", headers={
                "Authorization": f"Bearer {site.token}"}).status == 405

    def test_life_of_a_token(self, site):
        before, mark = len(site.server.cluster.log_text()), last_id(site.server)
        token = site.new_token("short")
        used = "SELECT last_used_at FROM pganalytics.scrape_tokens WHERE name = 'short'"
        assert site.db.value(used) is None
        assert site.scrape(token).status == 200
        first = site.db.value(used)
        assert first is not None
        assert site.scrape(token).status == 200
        assert site.db.value(used) == first  # stored at most once a minute
        site.db.execute("UPDATE pganalytics.scrape_tokens SET last_used_at = last_used_at - "
                        "interval '2 min' WHERE name = 'short'")
        assert site.scrape(token).status == 200
        assert site.db.value(used) > first
        with Client(site.port, site.server.ca_file, None) as client:
            headers = {"Authorization": f"Bearer {token}"}
            assert client.request("GET", "/metrics", headers=headers).status == 200
            site.db.execute("SELECT pganalytics.revoke_scrape_token('short')")
            # The revocation counts from the next request on the open connection.
            assert_problem(client.request("GET", "/metrics", headers=headers), 401, "revoked")
        for event in ("token.created", "token.revoked"):
            await_event(site.server, event, mark, created_by="postgres")
        await_event(site.server, "security.bypass_attempt", mark,
                    reason="a token that was revoked")
        assert site.db.value("SELECT count(*) FROM pganalytics.audit_log WHERE id > %s AND "
                             "resource_type = 'scrape_token' AND resource_id = 'short'", mark) == 2
        assert token not in site.server.log_since(before)
        assert not site.db.rows("SELECT FROM pganalytics.audit_log l WHERE l::text ~ %s",
                                token.removeprefix("pgm_"))

    def test_refusals_are_told(self, site):
        # The first refusal of a kind is recorded at once, the others as a count a minute later.
        assert site.scrape("pgm_" + "1" * 64).status == 401
        await_event(site.server, "security.bypass_attempt", reason="a token that is not known")
        assert site.scrape().status == 401
        cluster.wait_until(lambda: site.db.rows(
            "SELECT FROM pganalytics.audit_log WHERE event = 'access.denied' AND source = 'api' "
            "AND resource_id = 'GET /metrics'"), 15, "the refusal told")

    def test_a_person(self, site):
        site.db.execute(f"CREATE ROLE looks LOGIN PASSWORD '{PASSWORD}' IN ROLE pganalytics_viewer")
        with ApiClient(site.server) as client:
            client.log_in("looks", PASSWORD)
            token = client.token
        assert site.scrape(token).status == 200
        # The person's own privileges count.
        site.db.execute("REVOKE SELECT ON pganalytics.prometheus_samples FROM pganalytics_viewer")
        try:
            assert_problem(site.scrape(token), 403, "permission denied")
            assert site.scrape(site.token).status == 200
        finally:
            site.db.execute("GRANT SELECT ON pganalytics.prometheus_samples TO pganalytics_viewer")
        site.db.execute("REVOKE pganalytics_viewer FROM looks")
        assert_problem(site.scrape(token), 403, "no member of a role")
        site.db.execute("SELECT pganalytics.end_sessions('looks')")
        assert_problem(site.scrape(token), 401, "the session has ended")
        site.db.execute("DROP ROLE looks")

    def test_anyone(self, site):
        site.server.configure(metrics_access="anyone")
        try:
            cluster.wait_until(lambda: site.scrape().status == 200, what="the new gateway")
            assert site.scrape("wrong").status == 200
            with ApiClient(site.server) as client:
                assert client.get("auth/me").status == 401
        finally:
            site.server.configure(metrics_access="authenticated")
        cluster.wait_until(lambda: site.scrape().status == 401, what="the new gateway")

    def test_restart(self, site):
        """A token survives a restart, because tokens are in a table."""
        site.server.cluster.restart()
        site.server.cluster.wait_until_running()
        assert site.scrape(site.token).status == 200


class TestCertificates:
    @pytest.mark.parametrize("version", [TLS12, TLS13])
    def test_good(self, site, version):
        holder = site.ca.leaf(None, names=(), subject=pki.name("prometheus-1"))
        outcome = site.scrape_as(holder, version)
        assert outcome.status == 200 and b"pganalytics_build_info{" in outcome.body

    @pytest.mark.parametrize("version", [TLS12, TLS13])
    @pytest.mark.parametrize("kind", ["other authority", "expired", "of tomorrow", "for servers",
                                      "without purpose", "authority", "weak key", "collector's"])
    def test_bad(self, site, version, kind):
        """The handshake fails, so the good token is not read either."""
        day = pki.DAY
        make = {
            "other authority": lambda: site.other_ca.leaf(None, names=()),
            "expired": lambda: site.ca.leaf(None, names=(), not_before=pki.now() - 3 * day,
                                            not_after=pki.now() - day),
            "of tomorrow": lambda: site.ca.leaf(None, names=(), not_before=pki.now() + day),
            "for servers": lambda: site.ca.leaf(None, names=(), purposes=("1.3.6.1.5.5.7.3.1",)),
            "without purpose": lambda: site.ca.leaf(None, names=(), purposes=()),
            "authority": lambda: site.ca.leaf(None, names=(), ca=True),
            "weak key": lambda: site.ca.leaf(None, names=(), key=pki.new_rsa_key(1024)),
            "collector's": lambda: own_authority(site).leaf(site.collector.collector_id),
        }
        authorization = [("Authorization", f"Bearer {site.token}")]
        outcome = site.scrape_as(make[kind](), version, authorization)
        assert outcome.status is None and b"pganalytics_" not in outcome.body, outcome
        assert site.scrape(site.token).status == 200

    def test_the_token_counts_first(self, site):
        holder = site.ca.leaf(None, names=())
        for text in ("Bearer pgm_wrong", "Basic x", "Bearer"):
            assert site.scrape_as(holder, headers=[("Authorization", text)]).status == 401

    @pytest.mark.parametrize("route", [r for r in routes() if r["port"] == "api"],
                             ids=lambda r: f"{r['method']} {r['path']}")
    def test_opens_no_other_route(self, site, route):
        """Neither a scrape certificate nor a scrape token opens a route for people."""
        expected = route["access"] in ("anyone", "scraper")
        path = route["path"].replace("*", "1")
        for shown in ({"holder": site.ca.leaf(None, names=())},
                      {"headers": [("Authorization", f"Bearer {site.token}")]}):
            holder = shown.get("holder")
            presented = Presented(holder.sent, holder.key) if holder else Presented()
            with Hostile(site.port, presented) as hostile:
                outcome = hostile.request(route["method"], path, headers=shown.get("headers", ()))
            if route["access"] == "secret":  # the secret would be in the body, which is empty
                assert outcome.status in (400, 401, 415, 422), outcome
            else:
                assert outcome.status == (200 if expected else 401), outcome

    def test_without_an_authority_nobody_is_asked(self, site):
        """Without an authority no certificate counts, at once and on open connections too."""
        holder = site.ca.leaf(None, names=())
        (ca_file,) = site.db.row("SHOW pganalytics.metrics_client_ca_file")
        with Hostile(site.port, Presented(holder.sent, holder.key)) as live:
            assert live.request("GET", "/metrics").status == 200
            site.server.configure(metrics_client_ca_file="")
            try:
                cluster.wait_until(lambda: site.scrape_as(holder).status == 401, 15,
                                   "no certificates")
                outcome = live.request("GET", "/metrics")
                assert outcome.status == 401 or outcome.end, outcome
                assert site.scrape(site.token).status == 200
            finally:
                site.server.configure(metrics_client_ca_file=ca_file)
        cluster.wait_until(lambda: site.scrape_as(holder).status == 200, 15, "certificates")

    def test_comes_to_its_end(self, site):
        """An expired certificate is refused on an open connection, too."""
        holder = site.ca.leaf(None, names=(), not_after=pki.now() + datetime.timedelta(seconds=3))
        with Hostile(site.port, Presented(holder.sent, holder.key)) as live:
            assert live.request("GET", "/metrics").status == 200

            def last():
                outcome = live.request("GET", "/metrics")
                return outcome.status != 200 and outcome
            outcome = cluster.wait_until(last, 15, "the end of the certificate")
        assert outcome.status == 401 and "expired" in outcome.json["detail"], outcome

    def test_revoked(self, site):
        """A certificate of the server's own authority can be revoked: its open connections end at once."""
        (before,) = site.db.row("SHOW pganalytics.metrics_client_ca_file")
        collector = enroll(site.server, "scrapes")
        site.server.configure(metrics_client_ca_file="pganalytics_ca.crt")
        try:
            cluster.wait_until(lambda: site.scrape_as(collector.holder).status == 200, 15, "its CA")
            with Hostile(site.port, collector.presented) as live:
                assert live.request("GET", "/metrics").status == 200
                site.db.execute("SELECT pganalytics.revoke_certificate(%s)", collector.serial)
                cluster.wait_until(live.is_closed, 15, "the end of the connection")
            assert site.scrape_as(collector.holder).status is None
        finally:
            site.server.configure(metrics_client_ca_file=before)

    def test_refusals_are_told(self, site):
        assert site.scrape_as(site.other_ca.leaf(None, names=())).status is None
        cluster.wait_until(lambda: site.db.rows(
            "SELECT FROM pganalytics.audit_log WHERE event = 'security.bypass_attempt' "
            "AND source = 'api' AND details->>'reason' ~ 'authority that is not trusted'"), 15,
            "the refusal told")


def own_authority(site):
    data = site.server.cluster.data
    (certificate, *_) = pki.from_pem((data / "pganalytics_ca.crt").read_text())
    return pki.Authority(key=pki.load_key((data / "pganalytics_ca.key").read_bytes()),
                         certificate=certificate)


class TestExamples:
    def test_configurations_are_good(self, tmp_path):
        for file in CONTRIB.iterdir():
            shutil.copy(file, tmp_path)
        (tmp_path / "pganalytics.token").write_text("pgm_0")
        (tmp_path / "pganalytics-ca.pem").write_text(pki.pem(pki.Authority().certificate))
        for tool in (("promtool", "check", "config", "prometheus.yml"),
                     ("promtool", "check", "rules", "pganalytics.rules.yml"),
                     ("amtool", "check-config", "alertmanager.yml")):
            done = run(*tool[:-1], str(tmp_path / tool[-1]))
            assert done.returncode == 0, done.stdout + done.stderr
            assert "FAILED" not in done.stdout + done.stderr

    def test_rules_name_metrics_that_there_are(self, site):
        document = (product.SOURCE / "docs/use/prometheus.md").read_text()
        named = set(re.findall(r"^\| `(pganalytics_[a-z_]+)`", document, re.MULTILINE))
        rules = (CONTRIB / "pganalytics.rules.yml").read_text()
        used = set(re.findall(r"(?<![:a-z_])pganalytics_[a-z_]+", rules))
        assert used and used <= named, used - named

    def test_installed_beside_the_collectors_example(self):
        directory = os.path.join(cluster.pg_config("--sharedir"), "pganalytics", "prometheus")
        assert sorted(os.listdir(directory)) == sorted(f for f in os.listdir(CONTRIB) if f.endswith(".yml"))


CONFIG = textwrap.dedent("""\
    global:
      scrape_interval: 1s
      scrape_timeout: 1s
      evaluation_interval: 1s
    rule_files: [pganalytics.rules.yml]
    alerting:
      alertmanagers:
        - static_configs: [{targets: [%(alertmanager)s]}]
    scrape_configs:
      - job_name: pganalytics
        scheme: https
        authorization: {credentials_file: pganalytics.token}
        tls_config: {ca_file: ca.pem}
        static_configs: [{targets: ["localhost:%(port)d"]}]
      - job_name: certificate
        scheme: https
        tls_config: {ca_file: ca.pem, cert_file: good.crt, key_file: good.key}
        static_configs: [{targets: ["localhost:%(port)d"]}]
      - job_name: stranger
        scheme: https
        tls_config: {ca_file: ca.pem}
        static_configs: [{targets: ["localhost:%(port)d"]}]
      - job_name: wrong certificate
        scheme: https
        authorization: {credentials_file: pganalytics.token}
        tls_config: {ca_file: ca.pem, cert_file: wrong.crt, key_file: wrong.key}
        static_configs: [{targets: ["localhost:%(port)d"]}]
    """)


class TestPrometheus:
    def test_scrapes_and_alerts(self, site, root, tmp_path, stopping):
        """Prometheus scrapes a server, evaluates its rules, and sends their alerts to Alertmanager."""
        alertmanager = stopping(Alertmanager(
            root / "alertmanager", (CONTRIB / "alertmanager.yml").read_text()))
        files = {"pganalytics.rules.yml": (CONTRIB / "pganalytics.rules.yml").read_text(),
                 "pganalytics.token": site.token + "\n", "ca.pem": site.server.ca_file.read_text()}
        for stem, authority in (("good", site.ca), ("wrong", site.other_ca)):
            holder = authority.leaf(None, names=())
            files[f"{stem}.crt"] = "".join(map(pki.pem, holder.sent))
            files[f"{stem}.key"] = pki.key_pem(holder.key)
        prometheus = stopping(Prometheus(root / "scraper", CONFIG % {
            "alertmanager": alertmanager.url.removeprefix("http://"), "port": site.port}, files))
        targets = cluster.wait_until(
            lambda: (found := prometheus.targets()) and all(
                health != "unknown" for health, _ in found.values()) and found,
            20, "every target scraped")
        assert len(targets) == 4
        assert targets["pganalytics"] == ("up", "")
        assert targets["certificate"] == ("up", "")
        assert targets["stranger"][0] == "down" and "401" in targets["stranger"][1]
        health, error = targets["wrong certificate"]
        assert health == "down" and "tls" in error

        site.push(2)
        pushes = site.db.value("SELECT sum(pushes)::int FROM pganalytics.workers")
        for job in ("pganalytics", "certificate"):
            cluster.wait_until(lambda: prometheus.value(
                f'sum(pganalytics_ingest_pushes_stored_total{{job="{job}"}})') == pushes, 15,
                f"the pushes, by {job}")
        shown = prometheus.value(
            'max(pganalytics_server_last_push_timestamp_seconds{job="pganalytics"})')
        assert shown == pytest.approx(float(site.db.value(LAST_PUSH)), abs=0.001)
        cluster.wait_until(lambda: prometheus.query(
            "instance:pganalytics_ingest_rows_observed:rate5m > 0"), 20, "a recorded rule")

        # The authority's certificate lives for years and raises no alert; a collector's certificate
        # of 5 days does, until it is revoked.
        expiring = "alertname=PganalyticsCertificateExpiring"
        request = site.db.value(
            "SELECT pganalytics.issue_certificate(c.name, %s) FROM pganalytics.collectors c "
            "WHERE collector_id = %s", pki.signing_request(pki.new_key()),
            site.collector.collector_id)
        assert site.db.value("SELECT pganalytics.issued_certificate(%s, '20 s')", request)
        (alert, *more) = cluster.wait_until(
            lambda: alertmanager.alerts(expiring, "job=pganalytics"), 30, "the alert")
        assert not more and alert["status"]["state"] == "active"
        assert alert["labels"]["kind"] == "collector" and alert["labels"]["severity"] == "warning"
        site.db.execute("SELECT pganalytics.revoke_certificate(serial) "
                        "FROM pganalytics.certificates WHERE collector_id = %s AND state = 'active'",
                        site.collector.collector_id)
        cluster.wait_until(lambda: not alertmanager.alerts(expiring), 30, "the end of the alert")
        for log in (prometheus.log, alertmanager.log, site.server.cluster.log):
            assert site.token not in log.read_text(), log


class TestAlertmanager:
    def test_alerts_of_the_server(self, site, root, stopping):
        """The server's channel sends an alert of its rules to Alertmanager, with its labels and its end."""
        alertmanager = stopping(Alertmanager(
            root / "alertmanager-of-channel", (CONTRIB / "alertmanager.yml").read_text()))
        site.server.configure(alert_allowed_hosts="127.0.0.1")
        site.db.execute(
            "INSERT INTO pganalytics.alert_rules (name, query, threshold, severity, evaluate_every, "
            "labels, annotations) VALUES ('stray_collector', %s, 0, 'critical', '1 s', %s, %s)",
            "SELECT c.name AS collector, 1 AS value FROM pganalytics.collectors c "
            "WHERE c.name ~ '^stray' AND c.created_at <= pganalytics.evaluation_time()",
            json.dumps({"team": "dba"}),
            json.dumps({"summary": "{{ $labels.collector }} is there"}))
        site.db.execute("INSERT INTO pganalytics.alert_channels "
                        "(name, kind, url, group_wait, heartbeat_every) "
                        "VALUES ('alertmanager', 'alertmanager', %s, '0', '1 min')", alertmanager.url)
        site.db.value("SELECT token FROM pganalytics.create_collector('stray \"1\"')")
        (alert,) = cluster.wait_until(
            lambda: alertmanager.alerts("alertname=stray_collector"), 30, "the alert")
        assert alert["labels"] == {"alertname": "stray_collector", "severity": "critical",
                                   "collector": 'stray "1"', "team": "dba"}
        assert alert["annotations"]["summary"] == 'stray "1" is there'
        assert alert["status"]["state"] == "active"
        assert [receiver["name"] for receiver in alert["receivers"]] == ["on-call"]
        # The heartbeat comes, too, and the example sends it on to whoever waits for it.
        (heartbeat,) = cluster.wait_until(
            lambda: alertmanager.alerts("alertname=heartbeat"), 30, "the heartbeat")
        assert [receiver["name"] for receiver in heartbeat["receivers"]] == ["heartbeat"]
        # The next scrape shows the alert.
        samples = samples_of(site.scrape(site.token).raw.decode())
        # Built-in rules may have fired, too.
        assert samples["pganalytics_alerts",
                       (("severity", "critical"), ("state", "firing"))] >= 1
        assert samples["pganalytics_alert_rule_consecutive_failures",
                       (("rule", "stray_collector"),)] == 0
        assert samples["pganalytics_alert_notifications",
                       (("channel", "alertmanager"), ("state", "dead"))] == 0
        site.db.execute("DELETE FROM pganalytics.collectors WHERE name ~ '^stray'")
        cluster.wait_until(lambda: not alertmanager.alerts("alertname=stray_collector"), 30,
                           "the end of the alert")
        assert site.db.value("SELECT state FROM pganalytics.alerts WHERE rule = 'stray_collector'"
                             ) == "resolved"
        site.db.execute("DELETE FROM pganalytics.alert_channels")
        site.db.execute("DELETE FROM pganalytics.alert_rules WHERE name = 'stray_collector'")
