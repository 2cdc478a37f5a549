// Reads the TOML file, applies the environment, and reports errors with their exact place.
#include "collector/life/config.hpp"

#include <libpq-fe.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <set>

#include "collector/life/config_values.hpp"
#include "collector/life/secret.hpp"
#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

// kMaxServerNameBytes is the longest name that the analytics database stores: NAMEDATALEN - 1.
constexpr size_t kMaxServerNameBytes = 63;

// Refused is the exception that carries the first error out of the reader. It never leaves this
// file.
struct Refused {
    std::string message;
};

// Setting is a string with its origin, for messages.
struct Setting {
    std::string value;
    std::string where;  // "file:line: key" or "environment variable NAME"
};

template <typename T>
T Require(core::Result<T> result, const Setting& setting) {
    if (!result.ok()) throw Refused{setting.where + " " + result.error().message};
    return std::move(result).value();
}

core::Result<std::string> CheckToken(std::string token) {
    const bool printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!printable) return core::Error{"must be one line of visible ASCII characters"};
    return token;
}

class Reader {
  public:
    Reader(std::string path, const Environment& environment)
        : path_(std::move(path)), environment_(environment) {}

    Config Read(const toml::table& root, Purpose purpose) {
        RefuseOld(root);
        AllowOnly(root, "",
                  {"collector_id", "interval", "max_queries_per_db", "postgres", "query_texts",
                   "server", "state_dir", "token", "token_file"});
        const toml::table* server = Table(root, "server");
        if (server != nullptr) AllowOnly(*server, "server.", {"ca_file", "pin", "url"});

        if (purpose == Purpose::kEnroll) {
            // An unreadable state directory must not prevent a new enrolment.
            if (const auto directory = StateDir(root)) config_.state_dir = directory->value;
            ReadServer(server);
            return std::move(config_);
        }
        const auto id = Either("PGANALYTICS_COLLECTOR_ID", Text(&root, "", "collector_id"));
        ReadToken(root);
        ReadState(StateDir(root));
        ReadCollectorId(id);
        ReadServer(server);
        if (config_.url.empty()) {
            throw Missing("server.url is missing, such as \"https://db.example.com:8443\"");
        }
        if (const auto interval = Either("PGANALYTICS_INTERVAL", Text(&root, "", "interval"))) {
            config_.interval = Require(ParseInterval(interval->value), *interval);
        }
        if (const auto max =
                Either("MAX_QUERIES_PER_DB", Integer(&root, "", "max_queries_per_db"))) {
            config_.max_queries_per_db = Require(ParseMaxQueries(max->value), *max);
        }
        if (const auto texts = Either("PGANALYTICS_QUERY_TEXTS", Text(&root, "", "query_texts"))) {
            config_.query_texts = Require(ParseQueryTexts(texts->value), *texts);
        }
        ReadPostgres(root);
        return std::move(config_);
    }

    // holds_secrets is true if the file itself contains a token or a password.
    bool holds_secrets() const { return holds_secrets_; }

  private:
    std::string At(const toml::node& node) const {
        return path_ + ":" + std::to_string(node.source().begin.line) + ": ";
    }

    // RefuseOld: the collector of pgAnalytics v3 reads the same path by default. Its file has other
    // keys, of which "backend" and "collector" are in every such file.
    void RefuseOld(const toml::table& root) const {
        for (const auto& [key, node] : root) {
            if (key.str() != "backend" && key.str() != "collector") continue;
            throw Refused{path_ + ":" + std::to_string(key.source().begin.line) + ": \"" +
                          std::string(key.str()) +
                          "\" is a key of a v3 collector, and this file is its configuration: "
                          "leave it to that collector, and name another one with --config, such "
                          "as /etc/pganalytics/collector-3.2.toml"};
        }
    }

    void AllowOnly(const toml::table& table, const std::string& prefix,
                   std::initializer_list<std::string_view> names) const {
        std::string list;
        for (const std::string_view name : names) {
            list += list.empty() ? "" : ", ";
            list += name;
        }
        for (const auto& [key, node] : table) {
            if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
            const std::string line = std::to_string(key.source().begin.line);
            throw Refused{path_ + ":" + line + ": unknown key \"" + prefix +
                          std::string(key.str()) + "\"; known here are " + list};
        }
    }

    const toml::table* Table(const toml::table& root, std::string_view key) const {
        const toml::node* node = root.get(key);
        if (node == nullptr) return nullptr;
        if (!node->is_table()) {
            throw Refused{At(*node) + std::string(key) + " must be a table: [" + std::string(key) +
                          "]"};
        }
        return node->as_table();
    }

    std::optional<Setting> Text(const toml::table* table, const std::string& prefix,
                                std::string_view key) const {
        const toml::node* node = table == nullptr ? nullptr : table->get(key);
        if (node == nullptr) return std::nullopt;
        const std::string where = At(*node) + prefix + std::string(key);
        if (!node->is_string()) throw Refused{where + " must be a string in double quotes"};
        Setting setting{node->as_string()->get(), where};
        if (setting.value.empty()) throw Refused{where + " must not be empty"};
        if (setting.value.find('\0') != std::string::npos) {
            throw Refused{where + " must not contain a NUL character"};
        }
        return setting;
    }

    std::optional<Setting> Integer(const toml::table* table, const std::string& prefix,
                                   std::string_view key) const {
        const toml::node* node = table->get(key);
        if (node == nullptr) return std::nullopt;
        const std::string where = At(*node) + prefix + std::string(key);
        if (!node->is_integer()) throw Refused{where + " must be a whole number"};
        return Setting{std::to_string(node->as_integer()->get()), where};
    }

    std::optional<Setting> FromEnvironment(const char* name) const {
        const char* value = environment_(name);
        if (value == nullptr) return std::nullopt;
        Setting setting{value, std::string("environment variable ") + name};
        if (setting.value.empty()) throw Refused{setting.where + " must not be empty"};
        return setting;
    }

    std::optional<Setting> Either(const char* name, std::optional<Setting> in_file) const {
        std::optional<Setting> setting = FromEnvironment(name);
        return setting ? setting : in_file;
    }

    // Missing is the error for a missing key; `what` names the key.
    Refused Missing(const std::string& what) const { return {path_ + ": " + what}; }

    std::optional<Setting> StateDir(const toml::table& root) const {
        return Either("PGANALYTICS_STATE_DIR", Text(&root, "", "state_dir"));
    }

    // ReadState reads the state directory. It refuses a configuration that has neither a
    // certificate nor a token.
    void ReadState(const std::optional<Setting>& directory) {
        config_.state_dir = directory ? directory->value : std::string(kDefaultStateDirectory);
        core::Result<State> state = StateDirectory(config_.state_dir).Load();
        if (state.ok()) {
            config_.state = std::move(*state);
        } else if (directory || config_.token.empty()) {
            throw Refused{state.error().message};
        } else {
            // This is no error, because a token is set and the path is only the default. Another
            // collector may own that directory.
            config_.warnings.push_back(state.error().message);
            config_.state_dir.clear();
        }
        if (config_.state.identity || !config_.token.empty()) return;
        throw Missing("this collector is not enrolled: \"" + config_.state_dir +
                      "\" holds no certificate (pganalytics-collector enroll), and token_file is "
                      "missing (or token)");
    }

    void ReadCollectorId(const std::optional<Setting>& setting) {
        const std::optional<Identity>& identity = config_.state.identity;
        if (!setting && !identity) {
            throw Missing(
                "collector_id is missing; SELECT * FROM pganalytics.create_collector('name') in "
                "the analytics database gives one with its token");
        }
        if (!setting) {
            config_.collector_id = identity->collector_id;
            return;
        }
        const std::optional<core::Uuid> id = core::ParseUuid(setting->value);
        if (!id) {
            throw Refused{setting->where +
                          " must be a UUID such as \"01234567-89ab-cdef-0123-456789abcdef\""};
        }
        if (identity && !(identity->collector_id == *id)) {
            throw Refused{setting->where + " is not that of the certificate in \"" +
                          config_.state_dir + "\", " + core::FormatUuid(identity->collector_id) +
                          ": leave it out"};
        }
        config_.collector_id = *id;
    }

    // SecretPath is the path of a secret file. It may begin with $CREDENTIALS_DIRECTORY, where
    // systemd puts what LoadCredential= names.
    std::string SecretPath(const Setting& setting) const {
        constexpr std::string_view kVariable = "$CREDENTIALS_DIRECTORY";
        if (!setting.value.starts_with(std::string(kVariable) + "/")) return setting.value;
        const char* directory = environment_(kVariable.data() + 1);
        if (directory == nullptr || *directory == '\0') {
            throw Refused{setting.where +
                          " is in $CREDENTIALS_DIRECTORY, which is not set: systemd sets it for "
                          "a service with LoadCredential="};
        }
        return directory + setting.value.substr(kVariable.size());
    }

    void ReadToken(const toml::table& root) {
        std::optional<Setting> token = FromEnvironment("PGANALYTICS_TOKEN");
        std::optional<Setting> file = FromEnvironment("PGANALYTICS_TOKEN_FILE");
        if (!token && !file) {
            token = Text(&root, "", "token");
            file = Text(&root, "", "token_file");
            holds_secrets_ = token.has_value();
        }
        if (token && file) {
            throw Refused{file->where + " must not stand beside " + token->where +
                          ": give one of the two"};
        }
        if (!token && !file) return;
        if (file) {
            config_.token_file = SecretPath(*file);
            config_.token = Require(ReadTokenFile(config_.token_file), *file);
        } else {
            config_.token = Require(CheckToken(token->value), *token);
        }
    }

    void ReadServer(const toml::table* server) {
        const auto url = Either("PGANALYTICS_URL", Text(server, "server.", "url"));
        if (url) {
            config_.url = Require(NormalizeUrl(url->value), *url);
        } else if (config_.state.server) {
            config_.url = config_.state.server->url;
        }
        if (const auto pin = Either("PGANALYTICS_PIN", Text(server, "server.", "pin"))) {
            config_.pin = Require(NormalizePin(pin->value), *pin);
        }
        if (const auto ca = Either("PGANALYTICS_CA_FILE", Text(server, "server.", "ca_file"))) {
            if (access(ca->value.c_str(), R_OK) != 0) {
                throw Refused{ca->where +
                              " must name a file of PEM certificates that this user "
                              "can read: \"" +
                              ca->value + "\": " + std::strerror(errno)};
            }
            config_.ca_file = ca->value;
        }
    }

    void ReadPostgres(const toml::table& root) {
        const toml::node* node = root.get("postgres");
        if (node == nullptr) {
            throw Missing("there is no server to monitor: add a [[postgres]] table");
        }
        const toml::array* array = node->as_array();
        if (array == nullptr || array->empty() || !array->is_homogeneous(toml::node_type::table)) {
            throw Refused{At(*node) + "postgres must be an array of tables: [[postgres]]"};
        }
        std::set<std::string> names;
        for (const toml::node& element : *array) {
            const toml::table& table = *element.as_table();
            AllowOnly(table, "postgres.", {"conninfo", "name", "password_file"});
            MonitoredServer server;
            const auto name = Text(&table, "postgres.", "name");
            if (!name) throw Refused{At(element) + "[[postgres]] must have a name"};
            if (name->value.size() > kMaxServerNameBytes) {
                throw Refused{name->where + " must not be longer than 63 bytes"};
            }
            if (!names.insert(name->value).second) {
                throw Refused{name->where + " must be another one: \"" + name->value +
                              "\" is taken by a [[postgres]] before it"};
            }
            server.name = name->value;
            const auto conninfo = Text(&table, "postgres.", "conninfo");
            if (!conninfo) {
                throw Refused{At(element) + "[[postgres]] \"" + server.name +
                              "\" must have a conninfo, such as \"host=/run/postgresql "
                              "dbname=postgres user=pganalytics\""};
            }
            CheckConninfo(*conninfo);
            server.conninfo = conninfo->value;
            if (const auto file = Text(&table, "postgres.", "password_file")) {
                server.password_file = SecretPath(*file);
                Require(ReadSecretFile(server.password_file), *file);
            }
            config_.servers.push_back(std::move(server));
        }
    }

    // CheckConninfo refuses a malformed conninfo. It does not repeat libpq's message, which may
    // quote part of a password.
    void CheckConninfo(const Setting& conninfo) {
        char* message = nullptr;
        const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
            PQconninfoParse(conninfo.value.c_str(), &message), &PQconninfoFree);
        PQfreemem(message);
        if (!options) {
            throw Refused{conninfo.where +
                          " must be a connection string of libpq: key=value pairs, a value with "
                          "spaces in single quotes, or a postgresql:// URI"};
        }
        for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
            if (std::string_view(option->keyword) == "password" && option->val != nullptr) {
                holds_secrets_ = true;
            }
        }
    }

    std::string path_;
    const Environment& environment_;
    Config config_;
    bool holds_secrets_ = false;
};

core::Result<Config> Parse(std::string_view text, const std::string& path,
                           const Environment& environment, Purpose purpose, bool open_to_others) {
    try {
        Reader reader(path, environment);
        Config config = reader.Read(toml::parse(text, path), purpose);
        if (reader.holds_secrets() && open_to_others) {
            config.warnings.push_back("\"" + path +
                                      "\" holds a secret and others can read it: chmod 0600 " +
                                      path + ", or use token_file and password_file");
        }
        return config;
    } catch (const toml::parse_error& error) {
        return core::Error{path + ":" + std::to_string(error.source().begin.line) + ": " +
                           std::string(error.description())};
    } catch (const Refused& refused) {
        return core::Error{refused.message};
    }
}

}  // namespace

core::Result<std::string> ReadTokenFile(const std::string& path) {
    core::Result<std::string> token = ReadSecretFile(path);
    if (!token) return token;
    return CheckToken(*std::move(token));
}

core::Result<Config> ParseConfig(std::string_view text, const std::string& path,
                                 const Environment& environment, Purpose purpose) {
    return Parse(text, path, environment, purpose, false);
}

core::Result<Config> LoadConfig(const std::string& path, const Environment& environment,
                                Purpose purpose) {
    std::ifstream file(path, std::ios::binary);
    if (!file && errno == ENOENT && purpose == Purpose::kEnroll) {
        return Parse("", path, environment, purpose, false);
    }
    if (!file) return Denied("cannot read", path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    struct stat status {};
    const bool known = stat(path.c_str(), &status) == 0;
    // A file of another user is read by way of its group: that of the package is root's.
    const bool needs_group = status.st_uid != geteuid() && status.st_gid == getegid();
    const mode_t refused = (S_IRWXG | S_IRWXO) & ~(needs_group ? S_IRGRP : 0U);
    const bool open_to_others = known && (status.st_mode & refused) != 0;
    return Parse(text, path, environment, purpose, open_to_others);
}

}  // namespace pganalytics::collector
