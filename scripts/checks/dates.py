"""Checks that each end-to-end test that deals with days is in the list that scripts/dates runs.

Where the list names a file, it speaks for all tests of it. Where it names tests, it speaks for these alone.
"""
import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "test" / "e2e" / "time_files.txt"
ENTRY = re.compile(r"^(?:- )?(test_\w+\.py)(?:::([\w:]*\w))?")
# How a test deals with days. Durations below a day and the clocks of time.time() and now() do not count.
DAYS = re.compile(
    r"^\s*(?:import\b[^#\n]*[\s,]|from\s+)(?:datetime|shifted)\b|\btimedelta\((?:days|weeks)|\bpki\.now\(|"
    r"\bdatetime\.(?:date|datetime|now|utcnow|combine|strptime|from\w+)\b|\bdate\.(?:today|from\w+)\b|"
    r"\btime\.(?:gmtime|localtime|strftime)\b|\b(?:yesterday|today|tomorrow)\b|"
    r"\bcurrent_date\b|\b(?:make|drop)_(?:audit_)?partitions?\b|\bdate_trunc\b|::date\b|\btimezone\(|"
    r"\bAT TIME ZONE\b|\binterval '[^'\n]*(?<![a-z])(?:d|days?|weeks?|mons?|months?|years?)\b|"
    r"\bmake_interval\(",
    re.MULTILINE | re.IGNORECASE)


def tests_of(text):
    """tests_of gives name -> (line, text) of the tests of a file; those of a class are CLASS::NAME."""
    lines, found = text.split("\n"), {}
    bodies = [("", ast.parse(text).body)]
    for prefix, body in bodies:
        for node in body:
            if isinstance(node, ast.ClassDef):
                bodies.append((f"{prefix}{node.name}::", node.body))
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                found[prefix + node.name] = node.lineno, "\n".join(lines[first - 1:node.end_lineno])
    return found


def covers(entry, test):
    """covers: an entry (None for a whole file, a class, or a test) speaks for a test."""
    return entry is None or test == entry or test.startswith(f"{entry}::")


def check(path, entries):
    """check gives what is wrong with the entries of a file."""
    text, where, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT), LIST.relative_to(ROOT)
    tests = tests_of(text) if entries else {}
    for entry in entries:
        if entry and not any(covers(entry, test) for test in tests):
            yield f"{name}: there is no {path.name}::{entry}"
    if not entries and DAYS.search(text):
        yield f"{where}:1: has to do with days and is not in {name}"
    for test, (line, body) in tests.items():
        if DAYS.search(body) and not any(covers(entry, test) for entry in entries):
            yield f"{where}:{line}: {test} has to do with days and is not in {name}"


def main():
    entries = {}
    for match in filter(None, map(ENTRY.match, LIST.read_text(encoding="utf-8").split("\n"))):
        entries.setdefault(match[1], []).append(match[2])
    files = {path.name: path for path in LIST.parent.rglob("test_*.py")}
    problems = [problem for name, path in sorted(files.items())
                for problem in check(path, entries.get(name, []))]
    problems += [f"{LIST.relative_to(ROOT)}: there is no {name}"
                 for name in sorted(entries.keys() - files.keys())]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
