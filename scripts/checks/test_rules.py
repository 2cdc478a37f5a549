"""Plants one fault after the other in a copy of the tree: its check must fail and name the place."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST_SQL = "sql/{}.sql".format((ROOT / "sql/order.txt").read_text(encoding="utf-8").split()[0])
README = "\n".join(["# planted"] * 41) + "\n"

# Check, file, what is appended to it (a file that is not there is made; None: it is removed; a pair: the
# first text becomes the second), place, what is said of it. LINE in the place is the first appended line.
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
    ("messages", "src/ca/link.cpp", 'bool planted = strcmp(message, "is revoked") == 0;\n',
     "src/ca/link.cpp:LINE", "compares the text of a message"),
    ("dates", "test/e2e/api/test_planted.py", '"""Planted."""\nimport datetime\n',
     "test/e2e/api/test_planted.py:1", "is not in test/e2e/time_files.txt"),
    ("sql", FIRST_SQL, "CREATE OR REPLACE VIEW pganalytics.planted AS SELECT 1 AS one;\n",
     f"{FIRST_SQL}:LINE", ""),
    ("settings", "docs/reference/settings.md", "* `pganalytics.planted`: nothing.\n",
     "docs/reference/settings.md", "there is no setting pganalytics.planted"),
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
    done = subprocess.run(["/usr/bin/python3", f"scripts/checks/{check}.py"], cwd=tree, text=True,
                          capture_output=True, check=False)
    if done.stderr:
        sys.exit(f"{check}: {done.stderr}")
    return done.returncode, set(done.stdout.split("\n"))


def plant(path, text):
    """plant makes a fault in a file and gives the number of the first line that is new."""
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


def main():
    problems, clean = [], {}
    # Faults of one check, place and message are one: it takes all of them.
    cases = {}
    for check, name, text, place, message in FAULTS:
        together = (check, place) == ("rooms", "src/ca:1") and text is not None
        cases.setdefault((check, place, message) if together else len(cases), []).append(
            (check, name, text, place, message))
    with tempfile.TemporaryDirectory(prefix="pganalytics-lint-") as directory:
        tree = pathlib.Path(directory)
        copy_tree(tree)
        for case in cases.values():
            check, name, _, place, message = case[0]
            if check not in clean:
                clean[check] = run(tree, check)[1]
            line = [plant(tree / planted, text) for _, planted, text, _, _ in case][0]
            status, lines = run(tree, check)
            for _, planted, _, _, _ in case:
                restore(tree, planted)
            if status == 0 or not is_found(lines - clean[check], place.replace("LINE", str(line)), message):
                problems.append(f"scripts/checks/{check}.py does not find a fault in {name}: {message}")
    print("\n".join(problems))
    print(f"{len(cases)} faults planted")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
