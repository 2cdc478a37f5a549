// Config: the settings of the collector, from a TOML file and the environment.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/life/config_values.hpp"
#include "collector/life/state.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

namespace pganalytics::collector {

inline constexpr std::string_view kDefaultConfigFile = "/etc/pganalytics/collector.toml";

// MonitoredServer is one [[postgres]] table of the configuration file.
struct MonitoredServer {
    std::string name;
    std::string conninfo;       // may hold a password: never printed
    std::string password_file;  // read for each connection; "": libpq looks for a password itself

    friend bool operator==(const MonitoredServer&, const MonitoredServer&) = default;
};

struct Config {
    core::Uuid collector_id;
    std::string token;       // "": use the certificate in `state`
    std::string token_file;  // where `token` comes from; "": from the configuration itself
    std::string url;         // https://host:port[/prefix], no slash at its end
    std::string ca_file;     // authorities that verify the server; "": none (see Link)
    std::string pin;         // in libcurl's form: sha256//base64[;sha256//base64...]; "": none
    std::string state_dir;   // "": none is used, because the default directory is unreadable
    State state;             // the content of state_dir
    std::chrono::milliseconds interval{60000};
    size_t max_queries_per_db = 1000;  // per snapshot; the rest is summed in one row
    QueryTexts query_texts = QueryTexts::kMasked;
    std::vector<MonitoredServer> servers;
    std::vector<std::string> warnings;  // unwise settings that are no errors, for the log
};

// ReadTokenFile reads a token: one line of visible ASCII characters. The error does not quote it.
core::Result<std::string> ReadTokenFile(const std::string& path);

// Environment returns the value of an environment variable; nullptr if the variable is not set.
using Environment = std::function<const char*(const char*)>;

// Purpose: kEnroll needs neither servers nor an identity, and treats a missing file as empty.
enum class Purpose { kRun, kEnroll };

// LoadConfig reads the configuration file `path`. These environment variables take precedence:
//   PGANALYTICS_COLLECTOR_ID, _TOKEN, _TOKEN_FILE, _URL, _CA_FILE, _PIN, _STATE_DIR, _INTERVAL,
//   _QUERY_TEXTS
//   MAX_QUERIES_PER_DB (without the prefix)
// It refuses unknown keys, wrong types and wrong values. The error names the file, the line, the
// key and what would be right. No message contains a secret. If the state directory contains a
// certificate and the server's URL, then collector_id, token and URL may be missing.
core::Result<Config> LoadConfig(const std::string& path, const Environment& environment,
                                Purpose purpose = Purpose::kRun);

// ParseConfig does the same for `text`, the content of a file; `path` appears only in messages.
core::Result<Config> ParseConfig(std::string_view text, const std::string& path,
                                 const Environment& environment, Purpose purpose = Purpose::kRun);

}  // namespace pganalytics::collector
