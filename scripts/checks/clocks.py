"""Checks that no deadline, interval or back-off uses the wall clock.

Each file that reads the wall clock stands in WALL_CLOCK with its reason: a time that is stored or
shown, or that a certificate or a token states. Waits use src/core/monotonic.hpp, or in programs
std::chrono::steady_clock.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# File -> the reason why it reads the wall clock.
WALL_CLOCK = {
    "bgworker/alerts/alerts_worker.cpp": "as of when rules are evaluated; it waits a turn at most",
    "bgworker/chores/ca_program.cpp": "the validity of certificates",
    "bgworker/process/worker.cpp": "started_at, shown in pganalytics.workers",
    "src/collector/check.cpp": "the age of certificates, shown",
    "src/collector/enrol/enroll.cpp": "the validity of certificates",
    "src/collector/enrol/keeper.cpp": "the validity of certificates",
    "src/collector/life/log.cpp": "the time of a line of the log",
    "src/collector/push/https_client.cpp": "the clocks of both hosts, compared and shown",
    "src/collector/server_job.cpp": "the epoch of idempotency keys",
    "src/collector/sources/sampler.cpp": "sampled_at, which is stored",
    "src/core/clock.hpp": "the clock that the collector's tests replace",
    "src/core/monotonic.hpp": "ClockWatch notices that the wall clock was set",
    "src/courier/main.cpp": "the date of a mail and of a signature",
    "src/gateway/identity/authorize.cpp": "the expiry of tokens and certificates",
    "src/gateway/people/api_service.cpp": "the expiry of tokens",
    "src/http/connection.cpp": "the Date of an answer",
    "src/pg/alerts/deliveries.cpp": "times of the outbox, which are stored",
    "src/pg/api/handlers.cpp": "the expiry of sessions and tokens",
    "src/pg/api/sessions.cpp": "created_at, which is stored",
    "src/pg/audit/alert_changes.cpp": "whether a silence has ended",
    "src/pg/audit/certificate_changes.cpp": "whether a certificate has expired",
    "src/pg/audit/counted.cpp": "occurred_at, which is stored",
    "src/pg/audit/record.cpp": "occurred_at, which is stored",
    "src/pg/audit/ring.cpp": "times of gaps, which are stored",
    "src/pg/audit/statements/statements.cpp": "occurred_at, which is stored",
    "src/pg/audit/store.cpp": "the months of the log",
    "src/pg/audit/token_changes.cpp": "whether a token has expired",
    "src/pg/base/evaluation_time.cpp": "as of when a rule looks",
    "src/pg/base/trouble.cpp": "last_error_at, shown in pganalytics.workers",
    "src/pg/base/unix_time.cpp": "the time of certificates and tokens, in seconds",
    "src/pg/identity/authenticate.cpp": "the expiry of tokens and certificates",
    "src/pg/identity/rate_functions.cpp": "when a client was refused last, shown",
    "src/pg/store/ledger.cpp": "the day that a row is stored in, and how long a key is remembered",
    "src/pg/store/metrics/quotas.cpp": "the day whose new texts are counted",
    "src/pg/store/samples.cpp": "which samples are too old, or of the future",
}
READS = re.compile(
    r"\b(GetCurrentTimestamp|GetCurrentTransactionStartTimestamp|GetCurrentStatementStartTimestamp|"
    r"GetSQLCurrentTimestamp|gettimeofday|CLOCK_REALTIME\w*|system_clock|system_timer|"
    r"TimestampDifference\w*|TimestampTzPlus\w*|std::time)\b|(?<![\w.>])time\s*\(\s*(?:nullptr|NULL|0|&)"
    r"|\b(?:[Cc]lock_?|SystemClock\(\))(?:->|\.)Now\(\)")
# Names of clock calls in the lists of calls that a sandbox allows; these do not read the clock.
ALLOWED_CALL = re.compile(r'SCMP_SYS\(\w+\)|^\s*\{"\w+"')
COMMENT = re.compile(r"//.*")


def reads_of(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = READS.search(ALLOWED_CALL.sub("", COMMENT.sub("", line)))
        if match:
            yield number, match.group(0)


def main():
    problems, used, count = [], set(), 0
    for top in ("src", "bgworker"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix not in (".cpp", ".hpp", ".h"):
                continue
            count += 1
            name = path.relative_to(ROOT).as_posix()
            for number, what in reads_of(path):
                used.add(name)
                if name not in WALL_CLOCK:
                    problems.append(f"{name}:{number}: {what} is the wall clock: wait by core/monotonic.hpp, "
                                    "or say in scripts/checks/clocks.py what is stored or shown")
    problems += [f"{name}:1: reads no wall clock, and stands in the list of scripts/checks/clocks.py"
                 for name in WALL_CLOCK.keys() - used]
    if count < 20:
        problems.append(f"only {count} files found: is this the right directory?")
    print("\n".join(sorted(problems) + [f"clocks of {count} files checked"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
