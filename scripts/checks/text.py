"""Checks every text file: UTF-8, no debris, complete lines, and a first line that says the file's task."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each word is split in two, so that this file passes its own check.
DEBRIS = re.compile("|".join((r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b", "^<<<<" "<<< ",
                              "^>>>>" ">>> ", r"/ro" r"ot/", r"/ho" r"me/\w")))
EXPECTED = ("expected/", "test/isolation/expected/")  # written by psql
CODE = {".cpp", ".hpp", ".h", ".sql", ".py"}
MAX_WIDTH = {".cpp": 100, ".hpp": 100, ".h": 100, ".py": 110}
MAX_LINES = 450
LINK = re.compile(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            text=True, capture_output=True).stdout.split("\n")
    problems = []
    count = 0
    for name in filter(None, listed):
        path = ROOT / name
        if not path.is_file() or name.startswith(("test/fixtures/", "test/fuzz/corpus/")):
            continue
        data = path.read_bytes()
        count += 1
        try:
            lines = data.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            problems.append(f"{name}: not UTF-8")
            continue
        # Outputs of psql are compared as they are, with trailing blanks.
        if not name.startswith(EXPECTED):
            if data and not data.endswith(b"\n"):
                problems.append(f"{name}: the last line does not end")
            for number, line in enumerate(lines, 1):
                if line != line.rstrip():
                    problems.append(f"{name}:{number}: blanks at the end")
                if len(line) > MAX_WIDTH.get(path.suffix, 1000):
                    problems.append(f"{name}:{number}: {len(line)} characters")
        for number, line in enumerate(lines, 1):
            if DEBRIS.search(line):
                problems.append(f"{name}:{number}: {line.strip()[:80]}")
        if path.suffix == ".md":
            for number, line in enumerate(lines, 1):
                for target in LINK.findall(line):
                    if not (path.parent / target).exists():
                        problems.append(f"{name}:{number}: {target} is not there")
        if path.suffix in CODE and not name.startswith(EXPECTED) and data:
            # If x.hpp exists, it says the task of x.cpp.
            has_header = path.suffix == ".cpp" and path.with_suffix(".hpp").exists()
            if (path.suffix in (".cpp", ".hpp", ".h") and not has_header
                    and not re.match(r"//|/\*", lines[0])):
                problems.append(f"{name}:1: does not begin with a line that says its task")
            if len(lines) > MAX_LINES + 1 and not name.startswith("test/"):
                problems.append(f"{name}: {len(lines) - 1} lines; a file has one task")
    print("\n".join(problems))
    print(f"{count} files checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
