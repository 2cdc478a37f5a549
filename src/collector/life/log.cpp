// Writes log lines such as "2026-11-22T08:54:22Z INFO message". Under systemd each line begins with
// its priority for the journal.
#include "collector/life/log.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "core/clock.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

struct Name {
    std::string_view journal_prefix;  // sd-daemon(3)
    std::string_view word;
};

Name NameOf(Level level) {
    switch (level) {
        case Level::kInfo:
            return {"<6>", "INFO"};
        case Level::kWarning:
            return {"<4>", "WARNING"};
        case Level::kError:
            return {"<3>", "ERROR"};
    }
    return {"<3>", "ERROR"};
}

}  // namespace

void Log(Level level, std::string_view message) {
    static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    const Name name = NameOf(level);
    std::string line;
    if (to_journal) line += name.journal_prefix;
    const core::TimestampMicros now = core::SystemClock().Now();
    line += core::FormatTimestamp(now - now % 1000000);
    line += ' ';
    line += name.word;
    line += ' ';
    for (const char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    line += '\n';
    // The write may fail; a log that cannot be written must not stop the work.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace pganalytics::collector
