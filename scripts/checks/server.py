"""Checks the server's own code: SQL text only under src/pg, versions of PostgreSQL in one file, and one list
of sources for both builds."""
import pathlib
import re
import sys

from includes import ROOT, includes_of, resolve

LIST = ROOT / "server_sources.txt"
CODE = {".cpp", ".hpp", ".h"}
# A string literal that begins an SQL statement, and the functions that prepare or parse one.
SQL = re.compile(r'"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|SET|RESET|CALL|COPY|LOCK|LISTEN'
                 r"|NOTIFY|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT)\b")
SPI = re.compile(r"\bSPI_\w+|\bpg::Statement\b")
# Differences between PostgreSQL's versions have one place.
VERSION = re.compile(r"\bPG_(?:VERSION|MAJORVERSION)(?:_NUM)?\b")
VERSIONS_PLACE = "src/pg/base/compat.h"


def code_below(*tops):
    for top in tops:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in CODE:
                yield path


def without_comment(line):
    return re.sub(r'^((?:[^"/]|"(?:[^"\\]|\\.)*"|/(?!/))*)//.*', r"\1", line)


def check_sql():
    for path in code_below("bgworker"):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            line = without_comment(line)
            for found in (SQL.search(line), SPI.search(line)):
                if found:
                    yield f"{path.relative_to(ROOT)}:{number}: SQL outside src/pg: {found[0]}"


def check_versions():
    for path in code_below("src", "bgworker"):
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if name != VERSIONS_PLACE and VERSION.search(without_comment(line)):
                yield f"{name}:{number}: a version of PostgreSQL outside {VERSIONS_PLACE}"


def needed():
    """needed gives the sources of src/core, src/protocol and src/redact whose headers the server includes.

    The value of each is a place that includes its header.
    """
    seen, found = set(), {}
    waiting = list(code_below("src/pg", "bgworker"))
    while waiting:
        path = waiting.pop()
        for line, _, include in includes_of(path):
            header = resolve(include, path)
            if header is None or header in seen:
                continue
            seen.add(header)
            waiting.append(header)
            source = header.with_suffix(".cpp")
            if source.is_file() and source.relative_to(ROOT).parts[1] in ("core", "protocol", "redact"):
                found[source.relative_to(ROOT).as_posix()] = (path, line)
                waiting.append(source)
    return found


def check_list():
    where = {}
    for number, name in enumerate(LIST.read_text(encoding="utf-8").split("\n"), 1):
        if not name:
            continue
        if not (ROOT / name).is_file():
            yield f"{LIST.name}:{number}: {name} is not there"
        if name in where:
            yield f"{LIST.name}:{number}: {name} is there already"
        where[name] = number
    sources = needed()
    for name, (path, line) in sorted(sources.items()):
        if name not in where:
            yield f"{path.relative_to(ROOT)}:{line}: {name} is not in {LIST.name}"
    for name, number in where.items():
        if name not in sources:
            yield f"{LIST.name}:{number}: the server does not include the header of {name}"
    builds = [ROOT / "extension.mk", ROOT / "CMakeLists.txt"]
    for top in ("src", "test", "bench"):
        builds += sorted((ROOT / top).rglob("CMakeLists.txt"))
    for build in builds:
        for number, line in enumerate(build.read_text(encoding="utf-8").split("\n"), 1):
            for word in re.findall(r"[\w./]+\.cpp\b", line.partition("#")[0]):
                for base in (build.parent, ROOT):
                    path = pathlib.Path(base / word).resolve()
                    if path.is_relative_to(ROOT) and path.relative_to(ROOT).as_posix() in where:
                        yield (f"{build.relative_to(ROOT)}:{number}: {word} is in {LIST.name}, "
                               "which both builds read")
                        break


def main():
    problems = [*check_sql(), *check_versions(), *check_list()]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
