"""Checks that each end-to-end test file that deals with days is in the list that scripts/dates runs."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "test" / "e2e" / "time_files.txt"
DAYS = re.compile(r"^(import|from) (datetime|shifted)\b|\b(current_date|make_(audit_)?partition)\b|"
                  r"AT TIME ZONE|\btoday\b.*:$|\bpki\.now\(", re.MULTILINE)


def main():
    named = set(re.findall(r"^(?:- )?(test_\w+\.py)", LIST.read_text(encoding="utf-8"), re.MULTILINE))
    files = {path.name: path for path in LIST.parent.rglob("test_*.py")}
    with_days = {name for name, path in files.items() if DAYS.search(path.read_text(encoding="utf-8"))}
    problems = [f"{files[name].relative_to(ROOT)}:1: has to do with days and is not in "
                f"{LIST.relative_to(ROOT)}"
                for name in sorted(with_days - named)]
    problems += [f"{LIST.relative_to(ROOT)}: there is no {name}" for name in sorted(named - files.keys())]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
