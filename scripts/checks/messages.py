"""Checks that no code decides by the text of a message.

A text is for people: its words change, and are translated. Code must use the kind beside it: an
enum in a struct or a frame, a column of a function's result, an SQLSTATE. So a variable whose name
says that it holds a message must not be compared with a text in the source.
"""
import pathlib
import re
import subprocess
import sys

# (file, part of the line, reason). An exception that matches no line is an error, too.
EXCEPTIONS = [
    ("src/pg/audit/statements/message.cpp", "message.starts_with(before)",
     "PostgreSQL gives the name of an object that was refused in the message alone; its format is known"),
    ("src/pg/audit/statements/message.cpp", "message.ends_with(after)", "the same"),
    ("src/pg/audit/statements/login.cpp", "strncmp(error.message_id, one.format",
     "all refused logins are 28000; message_id is the format in PostgreSQL's source, not translated"),
    ("scripts/cluster.py", '"still in use" not in str(error)',
     "a postmaster that cannot start yet says why in its log alone"),
]

HOLDS_TEXT = (r"(?:message|message_id|errmsg|error_text|error|why|why_not|reason|detail|last_error|problem|"
              r"stderr|errors|what)")
CXX = [re.compile(pattern) for pattern in (
    # message.find("..."), message.ends_with(kWords); also for a member or the result of a call
    rf"\b{HOLDS_TEXT}(?:\(\))?\.(?:find|rfind|starts_with|ends_with|contains|compare)\(",
    # strcmp(why, "..."), strstr(status->last_error, ...)
    rf"\bstr(?:n?cmp|n?casecmp|str|casestr)\((?:[^;]*?[.>\s(])?{HOLDS_TEXT}, *(?:\"[^\"]|k[A-Z]|one\.)",
    # why == "...", error.message != kWords
    rf"\b{HOLDS_TEXT}(?:\(\))? *[!=]= *(?:\"[^\"]|(?:[a-z]\w*::)*k[A-Z]\w*\b)",
    rf"\"[^\"]+\" *[!=]= *(?:\w+(?:\.|->))*{HOLDS_TEXT}\b")]
PYTHON = [re.compile(pattern) for pattern in (
    rf"[\"'] (?:not )?in (?:str\(error\)|(?:\w+\.)*{HOLDS_TEXT}\b(?!\.splitlines|s?\[))",
    rf"\b(?:str\(error\)|{HOLDS_TEXT})\.(?:startswith|endswith|find|index|count)\(",
    rf"re\.\w+\([^,]+, *(?:str\(error\)|(?:\w+\.)*{HOLDS_TEXT})\)")]
SQL = [re.compile(pattern, re.IGNORECASE) for pattern in (
    rf"\b(?:sqlerrm|{HOLDS_TEXT}) +(?:NOT +)?(?:LIKE|ILIKE|SIMILAR|~~?\*?|!~~?\*?) +'",
    rf"\b(?:strpos|starts_with|regexp_\w+|position)\((?:\w+\.)*(?:sqlerrm|{HOLDS_TEXT})\b",
    r"\bsqlerrm *(?:=|<>)")]
RULES = [(("src", "bgworker", "bench"), (".cpp", ".hpp", ".h"), CXX),
         (("scripts", "bench"), (".py", ""), PYTHON), (("sql",), (".sql",), SQL)]
COMMENT = {".py": "#", "": "#", ".sql": "--"}


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src", "bgworker", "bench",
                             "scripts", "sql"], check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, listed):
        path = pathlib.Path(name)
        if not path.is_file() or name == "scripts/checks/messages.py":
            continue
        for roots, suffixes, patterns in RULES:
            if path.parts[0] in roots and path.suffix in suffixes:
                yield path, patterns


def main():
    used, wrong, count = set(), [], 0
    for path, patterns in files():
        count += 1
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            code = line.split(COMMENT.get(path.suffix, "//"))[0]
            if not any(pattern.search(code) for pattern in patterns):
                continue
            excused = [one for one in EXCEPTIONS if one[0] == str(path) and one[1] in line]
            used.update(excused)
            if not excused:
                wrong.append(f"{path}:{number}: compares the text of a message: {line.strip()}")
    wrong += [f"scripts/checks/messages.py: the exception fits no line: {file}: {text}"
              for file, text, reason in EXCEPTIONS if (file, text, reason) not in used]
    print("\n".join(wrong) if wrong else f"{count} files: no message is read for its meaning")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
