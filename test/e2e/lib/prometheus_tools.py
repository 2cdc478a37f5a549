"""Debian's Prometheus and Alertmanager, on loopback, each in a directory of its own."""
import json
import subprocess
import urllib.parse
import urllib.request

import cluster


def run(*arguments, text=None):
    """run gives the CompletedProcess of a tool; the caller checks its exit status."""
    return subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=60,
                          check=False)


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Program:
    """Program is a process that serves a port from the constructor until stop()."""

    def __init__(self, directory, arguments, log):
        self.log = directory / log
        cluster.own(directory)
        self.process = cluster.start_process(arguments, self.log)
        try:
            cluster.wait_until(self.is_ready, 30, f"{arguments[0]} ready")
        except TimeoutError:
            self.stop()
            raise AssertionError(self.log.read_text())

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        cluster.stop_process(self.process)


class Alertmanager(Program):
    def __init__(self, directory, config):
        directory.mkdir()
        self.url = f"http://127.0.0.1:{cluster.free_port()}"
        (directory / "alertmanager.yml").write_text(config)
        super().__init__(directory, [
            "prometheus-alertmanager", f"--config.file={directory}/alertmanager.yml",
            f"--storage.path={directory}/data", "--cluster.listen-address=",
            f"--web.listen-address={self.url.removeprefix('http://')}"], "alertmanager.log")

    def alerts(self, *matchers):
        """alerts are the alerts that fire, as amtool prints them."""
        done = run("amtool", f"--alertmanager.url={self.url}", "alert", "query", "-o", "json",
                   *matchers)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Prometheus(Program):
    """Prometheus scrapes every second. `files` are written into the directory of its configuration."""

    def __init__(self, directory, config, files):
        directory.mkdir()
        self.url = f"http://127.0.0.1:{cluster.free_port()}"
        for name, content in {"prometheus.yml": config, **files}.items():
            (directory / name).write_text(content)
        super().__init__(directory, [
            "prometheus", f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data", "--log.level=warn",
            f"--web.listen-address={self.url.removeprefix('http://')}"], "prometheus.log")

    def targets(self):
        """targets maps the job of each target to its health and its last error."""
        found = get(f"{self.url}/api/v1/targets")["data"]["activeTargets"]
        return {target["labels"]["job"]: (target["health"], target["lastError"])
                for target in found}

    def query(self, expression):
        """query gives (labels, value) of each sample of an instant query."""
        found = get(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [(sample["metric"], float(sample["value"][1])) for sample in found["data"]["result"]]

    def value(self, expression):
        """value is the value of the only sample, or None if there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None
