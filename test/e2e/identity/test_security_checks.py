"""Every test that the list of security checks (scripts/security_mutations) names exists."""
import os
import pathlib
import re
import shlex
import subprocess
import tomllib

import cluster
import product

GATEWAY, COURIER, END_TO_END = "test/unit/gateway", "test/unit/courier", "test/e2e"


def collected(*command):
    done = subprocess.run([*command, "--collect-only"], check=True, capture_output=True, text=True,
                          cwd=product.SOURCE, env={
                              **os.environ, "PGANALYTICS_GATEWAY": cluster.pg_program("pganalytics-gateway"),
                              "PGANALYTICS_COURIER": cluster.pg_program("pganalytics-courier")})
    return [line.lower() for line in done.stdout.splitlines() if "::" in line]


def selects(expression, name):
    """selects says whether pytest's -k expression selects a test of this name."""
    answer = re.sub(r"[^\s()]+", lambda word: word[0] if word[0] in ("and", "or", "not") else
                    str(word[0].lower() in name), expression)
    return eval(answer)  # the answer has only "True", "False", "and", "or", "not" and parentheses


def test_every_test_of_the_list_is_there():
    python = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    names = {GATEWAY: collected(*python, GATEWAY), COURIER: collected(*python, COURIER),
             END_TO_END: collected("scripts/e2e")}
    checks = tomllib.loads((product.SOURCE / "test/e2e/security_checks.toml").read_text())["check"]
    assert len(checks) > 100
    for check in checks:
        words = shlex.split(check["test"])
        if words == ["isolation"]:
            continue
        where = next(place for place in names if words[0].startswith(place))
        of_file = [name for path, _, name in (one.partition("::") for one in names[where])
                   if words[0] == END_TO_END or pathlib.Path(path).name == pathlib.Path(words[0]).name]
        expression = words[2] if len(words) > 1 else "test"
        assert any(selects(expression, one) for one in of_file), check
