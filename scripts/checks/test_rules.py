"""Plants faults in a copy of the tree: the check of each must fail, name the place and say what is wrong."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SQL_ORDER = (ROOT / "sql/order.txt").read_text(encoding="utf-8").split()
FIRST_SQL, LAST_SQL = f"sql/{SQL_ORDER[0]}.sql", f"sql/{SQL_ORDER[-1]}.sql"
README = "\n".join(["# planted"] * 41) + "\n"
SECURED = tomllib.loads((ROOT / "test/e2e/security_checks.toml").read_text(encoding="utf-8"))["check"][0]
# How a check is run that is no file of this folder.
PROGRAMS = {"security": ("scripts/security_mutations", "--check")}

# What decides by the text of a message, in each language: one for each way to write it.
MESSAGES = {
    "src/ca/link.cpp": (
        'bool planted = message.find("revoked") != 0;', 'bool planted = strcmp(message, "is revoked") == 0;',
        'bool planted = strcmp("is revoked", error.message) == 0;', 'bool planted = why == "gone";',
        'bool planted = kGone == error->message;', 'bool planted = message.substr(0, 4) == "gone";',
        'bool planted = std::string_view(message) == "gone";',
        'bool planted = std::string_view(why).ends_with(kGone);',
        'bool planted = std::memcmp(message, "gone", 4) == 0;'),
    "scripts/cluster.py": (
        'if "gone" in str(error):', 'if error.startswith("gone"):', 'if re.search("gone", str(error)):',
        'if why == "gone":', 'if error.message != "gone":', 'if "gone" == why:',
        'if why in ("gone", "left"):'),
    FIRST_SQL: (
        "SELECT 1 WHERE message LIKE 'gone%';", "SELECT strpos(sqlerrm, 'gone');",
        "SELECT 1 WHERE sqlerrm = planted;",
        "SELECT 1 WHERE d.message = 'gone';", "SELECT 1 WHERE last_error <> 'gone';",
        "SELECT 1 WHERE 'gone' = message;", "SELECT 1 WHERE message IS DISTINCT FROM 'gone';",
        "SELECT 1 WHERE message = ANY ('{gone}');", "SELECT 1 WHERE message IN ('gone', 'left');",
        "SELECT CASE message WHEN 'gone' THEN 1 END;"),
}
# What the install script must not have, and what is said of it.
TABLE, FUNCTION = "CREATE TABLE pganalytics.planted", "CREATE FUNCTION pganalytics.planted"
SQL = (
    ("CREATE OR REPLACE VIEW pganalytics.planted AS SELECT 1;", "plain CREATE only"),
    ("CREATE TABLE IF NOT EXISTS pganalytics.planted_there (a int);", "plain CREATE only"),
    ("DROP TABLE pganalytics.planted;", "DROP has no place"),
    ("CREATE TABLE planted (a int);", "planted is not qualified with its schema"),
    (f"{TABLE}_bare (a int);", "table pganalytics.planted_bare has no COMMENT"),
    (f"{FUNCTION}_path() RETURNS int LANGUAGE sql AS 'SELECT 1';", "planted_path does not fix search_path"),
    (f"{FUNCTION}_door() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
     "SECURITY DEFINER pganalytics.planted_door without a test"),
    ("GRANT SELECT ON pganalytics.planted_bare TO PUBLIC;", "nothing is granted to PUBLIC"),
    ("GRANT SELECT ON pganalytics.audit_log TO pganalytics_viewer;", "stands in another file"),
)

# How a test deals with days, one line for each way.
DAYS = (
    "import datetime", "    from datetime import date", "import json, datetime", "import json,datetime as dt",
    "from shifted import shift", "SQL = 'SELECT current_date'", "SQL = 'SELECT make_partition(1)'",
    "SQL = 'SELECT make_partitions()'", "SQL = 'SELECT drop_partitions()'",
    "SQL = 'SELECT make_audit_partitions()'", "SQL = 'SELECT Date_Trunc(1)'", "SQL = 'SELECT now()::date'",
    "SQL = 'SELECT timezone(1)'", "SQL = 'SELECT now() at time zone zone'",
    """SQL = "SELECT interval '2 days'\"""", """SQL = "SELECT INTERVAL '1 month'\"""",
    """SQL = "SELECT interval '8d'\"""", """SQL = "SELECT 'yesterday'::timestamptz\"""", "DAY = 'today'",
    "DAY = 'tomorrow'", "time.gmtime()", "time.strftime('%d')", "time.localtime()", "pki.now()",
    "timedelta(days=1)", "def planted(today):",
)

# Check, file, what is appended to it (a file that is not there is made; None: it is removed; a pair: the
# first text becomes the second), place, what is said of it. LINE in the place is the first appended line.
# Those of one check that leave each other alone are planted together, so that this takes seconds. The tree
# itself has none of them: lint runs the checks on it, too.
FAULTS = (
    ("includes", "src/core/text.cpp", '#include "protocol/frame.hpp"\n',
     "src/core/text.cpp:LINE", "src/core must not include src/protocol"),
    ("includes", "src/planted/planted.cpp", "// Planted.\n",
     "src/planted/planted.cpp:1", "src/planted is no room"),
    ("includes", "src/http/router.cpp", '#include "postgres.h"\n',
     "src/http/router.cpp:LINE", "postgres.h outside src/pg"),
    ("includes", "src/core/text.cpp", "#include <curl/curl.h>\n",
     "src/core/text.cpp:LINE", "curl/curl.h in core"),
    ("includes", "src/core/text.cpp", "#include <zlib.h>\n",
     "src/core/text.cpp:LINE", "zlib.h in core"),
    ("includes", "src/ingest/inflate.cpp", ("#include <zstd.h>\n", ""),
     "scripts/checks/includes.py:1", "ingest may use zstd, and does not"),
    ("includes", "src/pki/jwt/jwt.hpp", ('#include "pki/', '#include "planted/'),
     "scripts/checks/includes.py:1", "src/pki/jwt may include src/pki, and does not"),
    ("includes", "src/pg/base/digest.hpp", "#include <vector>\n",
     "src/pg/base/digest.cpp:1", "<vector> in the server, by src/pg/base/digest.hpp"),
    ("cycles", "src/http/budget.hpp", '#include "http/exchange.hpp"\n',
     "src/http/budget.hpp:LINE", "src/http/budget and src/http/exchange include each other"),
    *(("rooms", f"src/ca/planted_{number}.hpp", "// Planted.\n", "src/ca:1", "files; a room has at most 25")
      for number in range(25)),
    ("rooms", "src/ca/README.md", None, "src/ca:1", "has no README.md"),
    ("rooms", "src/ca/README.md", README, "src/ca/README.md:41", "lines; at most 40"),
    ("rooms", "src/http/router.cpp", '#include "protocol/frame.hpp"\n',
     r"docs/inside/rooms.md:\d+", "run scripts/rooms"),
    ("rooms", "src/pg/api/README.md", ("`audit/statements`, ", ""),
     "src/pg/api/README.md:1", "does not say that it may touch src/pg/audit/statements"),
    ("rooms", "src/courier/README.md", ("**May touch** `core`, ", "**May touch** `core`, `http`, "),
     "src/courier/README.md:1", "may touch http, and includes.py does not allow it"),
    ("rooms", "test/regress/planted.sql", "SELECT 1;\n",
     "test/regress/planted.sql:1", "is not in regress_tests of scripts/regress"),
    ("rooms", "test/isolation/specs/planted.spec", "session one\n",
     "test/isolation/specs/planted.spec:1", "is not in isolation_tests of scripts/regress"),
    ("rooms", "scripts/regress", ("isolation_tests=(", "isolation_tests=(gone "),
     r"scripts/regress:\d+", "isolation_tests: there is no test/isolation/specs/gone.spec"),
    ("server", "bgworker/process/worker.cpp", 'const char kPlanted[] = "SELECT 1";\n',
     "bgworker/process/worker.cpp:LINE", "SQL outside src/pg"),
    ("server", "bgworker/process/worker.cpp", 'int planted = SPI_execute(text, true, 0);\n',
     "bgworker/process/worker.cpp:LINE", "SQL outside src/pg"),
    ("server", "server_sources.txt", "src/core/json_writer.cpp\n",
     "server_sources.txt:LINE", "the server does not include the header of src/core/json_writer.cpp"),
    ("server", "server_sources.txt", ("src/core/address.cpp\n", ""),
     r"\S+:\d+", "src/core/address.cpp is not in server_sources.txt"),
    ("server", "src/core/CMakeLists.txt", "add_library(planted address.cpp)\n",
     "src/core/CMakeLists.txt:LINE", "address.cpp is in server_sources.txt"),
    ("server", "extension.mk", "PLANTED = src/core/address.cpp\n",
     "extension.mk:LINE", "src/core/address.cpp is in server_sources.txt"),
    ("server", "src/pg/base/digest.cpp", "#if PG_VERSION_NUM >= 160000\n#endif\n",
     "src/pg/base/digest.cpp:LINE", "a version of PostgreSQL outside src/pg/base/compat.h"),
    ("clocks", "bgworker/process/supervisor.cpp", "const TimestampTz planted = GetCurrentTimestamp();\n",
     "bgworker/process/supervisor.cpp:LINE", "GetCurrentTimestamp is the wall clock"),
    ("clocks", "scripts/checks/clocks.py",
     ("WALL_CLOCK = {", 'WALL_CLOCK = {"src/core/text.cpp": "planted",'),
     "src/core/text.cpp:1", "reads no wall clock"),
    *(("messages", name, f"{line}\n", f"{name}:LINE", f"the text of a message: {line}")
      for name, lines in MESSAGES.items() for line in lines),
    ("messages", "scripts/checks/messages.py",
     ("EXCEPTIONS = [", 'EXCEPTIONS = [("Makefile", "planted", "none"),'),
     "scripts/checks/messages.py", "the exception fits no line: Makefile: planted"),
    *(("dates", f"test/e2e/api/test_planted_{number}.py", f"{line}\n",
       f"test/e2e/api/test_planted_{number}.py:1", "is not in test/e2e/time_files.txt")
      for number, line in enumerate(DAYS)),
    ("dates", "test/e2e/api/test_api_service.py", "def test_planted():\n    return datetime.date.today()\n",
     r"test/e2e/api/test_api_service.py:\d+", "test_planted has to do with days"),
    ("dates", "test/e2e/time_files.txt", "test_gone.py\n",
     "test/e2e/time_files.txt", "there is no test_gone.py"),
    ("dates", "test/e2e/time_files.txt", "test_api_service.py::TestService::test_gone\n",
     "test/e2e/time_files.txt", "there is no test_api_service.py::TestService::test_gone"),
    *(("sql", FIRST_SQL, f"{statement}\n", f"{FIRST_SQL}:LINE", message) for statement, message in SQL),
    ("sql", LAST_SQL, f"{TABLE}_late (a int);\n", LAST_SQL, "does not end with REVOKE ALL ON ALL TABLES"),
    ("sql", "sql/reports/planted.sql", "SELECT 1;\n",
     "sql/reports/planted.sql:1", "is not in sql/order.txt"),
    ("sql", "sql/order.txt", "reports/gone\n", "sql/order.txt:LINE", "sql/reports/gone.sql is not there"),
    ("sql", "sql/order.txt", f"{SQL_ORDER[0]}\n", "sql/order.txt:LINE", f"{FIRST_SQL} is named already"),
    ("security", SECURED["file"], (SECURED["remove"], ""),
     re.escape(SECURED["name"]), f"the text to remove is 0 times in {SECURED['file']}"),
    ("security", SECURED["test"].split()[0], None,
     re.escape(SECURED["name"]), f"{SECURED['test'].split()[0]} does not exist"),
    ("security", "docs/operate/security.md", (f"| {SECURED['name']} |", "| planted |"),
     "docs/operate/security.md", "its table is not that of --list"),
    ("settings", "docs/reference/settings.md", "* `pganalytics.planted`: nothing.\n",
     "docs/reference/settings.md", "there is no setting pganalytics.planted"),
    ("settings", "src/pg/base/settings.def",
     'SETTING_SWITCH(early, true, kReload, kOrdinary, "Planted.")\n',
     "src/pg/base/settings.def:LINE", "early is not in alphabetical order behind token_refresh_grace"),
    ("settings", "src/pg/base/settings.def", ("alert_access_threshold, 20,", "alert_access_threshold, 21,"),
     "docs/reference/settings.md", "not up to date"),
    ("settings", FIRST_SQL, "SELECT current_setting('pganalytics.planted');\n",
     FIRST_SQL, "there is no setting pganalytics.planted"),
    ("python_files", "scripts/planted.py", "def planted():\n    pass\n" * 2,
     "scripts/planted.py:3", "planted is there already"),
    ("python_files", "scripts/planted_import.py", "import os\n",
     "scripts/planted_import.py:1", "os is imported and not used"),
    ("python_files", "scripts/planted_syntax.py", "def (\n", "scripts/planted_syntax.py:1", "invalid syntax"),
    ("text", "docs/README.md", "blank \n", "docs/README.md:LINE", "blanks at the end"),
    ("text", "docs/README.md", "[planted](planted.md)\n", "docs/README.md:LINE", "planted.md is not there"),
    ("text", "docs/README.md", "TO" "DO\n", "docs/README.md:LINE", "TO" "DO"),
    ("text", "src/core/text.cpp", "// " + "x" * 98 + "\n", "src/core/text.cpp:LINE", "101 characters"),
    ("text", "src/core/planted.cpp", "int planted;\n", "src/core/planted.cpp:1", "says its task"),
)


def copy_tree(target):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, text=True,
                            capture_output=True).stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "--quiet", "."], cwd=target, check=True)


def run(tree, check):
    """run gives the exit status of a check and the lines that it prints."""
    program = PROGRAMS.get(check, (f"scripts/checks/{check}.py",))
    done = subprocess.run(["/usr/bin/python3", *program], cwd=tree, text=True, capture_output=True,
                          check=False)
    if done.stderr:
        sys.exit(f"{check}: {done.stderr}")
    return done.returncode, set(done.stdout.split("\n"))


def plant(path, text):
    """plant makes a fault in a file and gives the number of the first new line."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text is None:
        path.unlink()
    elif isinstance(text, tuple):
        assert text[0] in before, f"{path} has no {text[0]!r}"
        path.write_text(before.replace(*text), encoding="utf-8")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + text, encoding="utf-8")
    return before.count("\n") + 1


def restore(tree, name):
    (tree / name).unlink(missing_ok=True)
    if (ROOT / name).is_file():
        shutil.copy2(ROOT / name, tree / name)


def is_found(lines, place, message):
    return any(re.match(place + ":", line) and message in line for line in lines)


def leave_alone(faults, fault):
    """leave_alone: none of them is in the file of that fault, or all there append to it."""
    there = [text for _, name, text, _, _ in faults if name == fault[1]]
    return not there or all(isinstance(text, str) for text in [*there, fault[2]])


def group():
    """group gives lists of faults of one check that can be planted together."""
    groups = []
    for fault in FAULTS:
        fitting = (one for one in groups if one[0][0] == fault[0] and leave_alone(one, fault))
        one = next(fitting, None)
        if one is None:
            groups.append([fault])
        else:
            one.append(fault)
    return groups


def main():
    problems, groups = [], group()
    with tempfile.TemporaryDirectory(prefix="pganalytics-lint-") as directory:
        tree = pathlib.Path(directory)
        copy_tree(tree)
        for faults in groups:
            check = faults[0][0]
            lines_of = [plant(tree / name, text) for _, name, text, _, _ in faults]
            status, lines = run(tree, check)
            for _, name, _, _, _ in faults:
                restore(tree, name)
            for (_, name, _, place, message), line in zip(faults, lines_of):
                place = place.replace("LINE", str(line))
                if status == 0 or not is_found(lines, place, message):
                    problems.append(f"the check {check} does not find a fault in {name}: {message}")
    print("\n".join(problems))
    print(f"{len(FAULTS)} faults planted, {len(groups)} times")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
