"""The README's section "Start a collector", followed to the letter, on a copy of this machine's /etc."""
import os
import re
import subprocess

import pytest

import product

README = (product.SOURCE / "README.md").read_text()
SECTION = README[README.index("## Start a collector"):].split("\n## ", 1)[0]
BLOCKS = re.findall(r"```sh\n(.*?)```", SECTION, re.S)


def private_machine_is_possible():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not private_machine_is_possible(), reason="needs root and mount namespaces")
def test_readme(server, monitored, root):
    """Every command works as it stands, but for the address, the pin, the token and the conninfo."""
    token, pin = server.db.row("SELECT token, pin FROM pganalytics.create_enrollment_token("
                               "'first-steps')")
    log = root / "first-steps.log"
    script = "\n".join(BLOCKS)
    for old, new in (
            ("https://analytics.example.com:8443", server.cluster.url), ("sha256/...", pin),
            ("--token-file -", f"--token-file - <<< {token}"),
            ("host=/run/postgresql dbname=postgres user=pganalytics",
             f"host=127.0.0.1 port={monitored.port} dbname=postgres user=pganalytics "
             f"password={monitored.password}"),
            # Root needs no sudo. Here run ends when it has pushed.
            ("sudo -u pganalytics ",
             "setpriv --reuid pganalytics --regid pganalytics --init-groups "), ("sudo ", ""),
            ('interval = "60s"', 'interval = "200ms"'),
            ("pganalytics-collector run\n",
             f"pganalytics-collector run 2> {log} & collector=$!\n"
             f"until grep -q 'first push stored' {log}; do kill -0 $collector; sleep 0.05; done\n"
             "kill $collector; wait $collector\n")):
        assert old in script, old
        script = script.replace(old, new)
    # The machine's own users and directories stay as they are.
    copy = root / "first-steps"
    subprocess.run(["cp", "-a", "/etc", str(copy)], check=True)
    machine = (f"set -e; mount --bind {copy} /etc; mount -t tmpfs -o mode=755 none /var/lib; "
               "userdel pganalytics 2>/dev/null || true; rm -rf /etc/pganalytics; cd /; "
               f"{script}\necho THE END")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(["unshare", "--mount", "bash", "-c", machine], text=True,
                          capture_output=True, env={"PATH": path}, timeout=60)
    output = done.stdout + done.stderr
    assert done.returncode == 0 and "THE END" in done.stdout, output
    assert "FAIL" not in done.stdout and "an empty push was stored" in done.stdout, output
    assert token not in output
