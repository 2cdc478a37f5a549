// Config: what the collector is told, from a TOML file and the environment.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/life/state.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

namespace pganalytics::collector {

inline constexpr std::string_view kDefaultConfigFile = "/etc/pganalytics/collector.toml";

// MonitoredServer is one [[postgres]] table.
struct MonitoredServer {
    std::string name;
    std::string conninfo;  // may hold a password: never printed
    std::string password;  // of password_file, "" = what conninfo and libpq's own sources give
};

struct Config {
    core::Uuid collector_id;
    std::string token;      // "" = the certificate in `state` is enough
    std::string url;        // https://host:port[/prefix], no slash at its end
    std::string ca_file;    // "" = see Link
    std::string pin;        // as libcurl wants it: sha256//base64[;sha256//base64...], "" = none
    std::string state_dir;  // "" = none that could be read
    State state;            // what was in it
    std::chrono::milliseconds interval{60000};
    size_t max_queries_per_db = 1000;  // of one snapshot; the rest becomes one row
    std::vector<MonitoredServer> servers;
    std::vector<std::string> warnings;  // for the log: nothing is wrong, something is unwise
};

// Environment gives the value of a variable, nullptr if it is not set.
using Environment = std::function<const char*(const char*)>;

// Purpose: to enrol, neither servers nor an identity are needed; a missing file is an empty one.
enum class Purpose { kRun, kEnroll };

// LoadConfig reads `path` and lets the environment win over it: PGANALYTICS_COLLECTOR_ID, _TOKEN,
// _TOKEN_FILE, _URL, _CA_FILE, _PIN, _STATE_DIR, _INTERVAL, and MAX_QUERIES_PER_DB. Unknown keys,
// wrong types and wrong values are refused with file, line, key and what would be right; no message
// holds a secret. What the state directory holds takes the place of collector_id, token and URL.
core::Result<Config> LoadConfig(const std::string& path, const Environment& environment,
                                Purpose purpose = Purpose::kRun);

// ParseConfig is LoadConfig of text; `path` is for messages only.
core::Result<Config> ParseConfig(std::string_view text, const std::string& path,
                                 const Environment& environment, Purpose purpose = Purpose::kRun);

}  // namespace pganalytics::collector
