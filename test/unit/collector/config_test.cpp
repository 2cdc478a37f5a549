// Tests of the configuration: what it accepts, and the error messages.
#include "collector/life/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "collector/life/config_values.hpp"
#include "core/text.hpp"
#include "fake_authority.hpp"

namespace pganalytics::collector {
namespace {

constexpr char kGood[] = R"(collector_id = "01234567-89ab-cdef-0123-456789abcdef"
token = "sesame"
interval = "5s"
[server]
url = "https://db.example.com:8443/"
pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
[[postgres]]
name = "prod-1"
conninfo = "host=/run/postgresql dbname=postgres"
[[postgres]]
name = "prod-2"
conninfo = "postgresql://mon@db2/postgres"
)";

core::Result<Config> ParseWith(const std::string& text,
                               const std::map<std::string, std::string>& variables = {}) {
    return ParseConfig(text, "c.toml", [&](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    });
}

std::string ErrorOf(const std::string& text,
                    const std::map<std::string, std::string>& variables = {}) {
    const auto config = ParseWith(text, variables);
    return config.ok() ? "(accepted)" : config.error().message;
}

// With gives the good configuration with one line replaced.
std::string With(const std::string& line, const std::string& by) {
    std::string text = kGood;
    const size_t at = text.find(line);
    EXPECT_NE(at, std::string::npos) << line;
    return text.replace(at, line.size(), by);
}

void ExpectMentions(const std::string& message, std::initializer_list<const char*> parts) {
    for (const char* part : parts) {
        EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    }
}

TEST(Config, SaysHowQueryTextsAreSent) {
    const std::string line = "interval = \"5s\"\n";
    const auto with = [&](const std::string& value) {
        return With(line, "query_texts = " + value + "\n");
    };
    EXPECT_EQ(ParseWith(kGood)->query_texts, QueryTexts::kMasked);
    EXPECT_EQ(ParseWith(with("\"none\""))->query_texts, QueryTexts::kNone);
    EXPECT_EQ(ParseWith(with("\"as_sent\""))->query_texts, QueryTexts::kAsSent);
    EXPECT_EQ(ParseWith(with("\"as_sent\""), {{"PGANALYTICS_QUERY_TEXTS", "masked"}})->query_texts,
              QueryTexts::kMasked);
    for (const char* wrong : {"\"Masked\"", "\"\"", "true"}) {
        ExpectMentions(ErrorOf(with(wrong)), {"c.toml:3: ", "query_texts"});
    }
    ExpectMentions(ErrorOf(kGood, {{"PGANALYTICS_QUERY_TEXTS", "all"}}),
                   {"environment variable PGANALYTICS_QUERY_TEXTS", "as_sent"});
}

TEST(Config, LimitsTheQueriesOfADatabase) {
    const std::string line = "interval = \"5s\"\n";
    const auto with = [&](const std::string& value) {
        return With(line, "max_queries_per_db = " + value + "\n");
    };
    EXPECT_EQ(ParseWith(kGood)->max_queries_per_db, 1000u);
    EXPECT_EQ(ParseWith(with("1"))->max_queries_per_db, 1u);
    EXPECT_EQ(ParseWith(with("100000"))->max_queries_per_db, 100000u);
    EXPECT_EQ(ParseWith(with("7"), {{"MAX_QUERIES_PER_DB", "50"}})->max_queries_per_db, 50u);
    for (const char* wrong : {"0", "-1", "100001"}) {
        ExpectMentions(ErrorOf(with(wrong)),
                       {"c.toml:3: ", "max_queries_per_db", "from 1 to 100000"});
        ExpectMentions(ErrorOf(kGood, {{"MAX_QUERIES_PER_DB", wrong}}),
                       {"environment variable MAX_QUERIES_PER_DB", "from 1 to 100000"});
    }
    for (const char* wrong : {"\"50\"", "1.5", "true"}) {
        ExpectMentions(ErrorOf(with(wrong)), {"c.toml:3: ", "must be a whole number"});
    }
    for (const char* wrong : {"", "x", "5x", " 5", "99999999999999999999"}) {
        ExpectMentions(ErrorOf(kGood, {{"MAX_QUERIES_PER_DB", wrong}}), {"MAX_QUERIES_PER_DB"});
    }
}

TEST(Config, TakesAGoodFile) {
    const auto config = ParseWith(kGood);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(core::FormatUuid(config->collector_id), "01234567-89ab-cdef-0123-456789abcdef");
    EXPECT_EQ(config->token, "sesame");
    EXPECT_EQ(config->interval, std::chrono::seconds(5));
    EXPECT_EQ(config->url, "https://db.example.com:8443");
    EXPECT_EQ(config->pin, "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    ASSERT_EQ(config->servers.size(), 2u);
    EXPECT_EQ(config->servers[1].name, "prod-2");
}

TEST(Config, EnvironmentWins) {
    const auto config =
        ParseWith(kGood, {{"PGANALYTICS_COLLECTOR_ID", "ffffffff-89ab-cdef-0123-456789abcdef"},
                          {"PGANALYTICS_TOKEN", "other"},
                          {"PGANALYTICS_URL", "https://elsewhere"},
                          {"PGANALYTICS_INTERVAL", "2m"},
                          {"PGANALYTICS_CA_FILE", "/dev/null"}});
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(core::FormatUuid(config->collector_id), "ffffffff-89ab-cdef-0123-456789abcdef");
    EXPECT_EQ(config->token, "other");
    EXPECT_EQ(config->url, "https://elsewhere");
    EXPECT_EQ(config->interval, std::chrono::minutes(2));
    EXPECT_EQ(config->ca_file, "/dev/null");
    ExpectMentions(ErrorOf(kGood, {{"PGANALYTICS_INTERVAL", "soon"}}),
                   {"environment variable PGANALYTICS_INTERVAL", "\"60s\""});
    ExpectMentions(ErrorOf(kGood, {{"PGANALYTICS_PIN", "x"}}), {"PGANALYTICS_PIN", "sha256/"});
    ExpectMentions(ErrorOf(kGood, {{"PGANALYTICS_URL", ""}}), {"PGANALYTICS_URL", "empty"});
    ExpectMentions(
        ErrorOf(kGood, {{"PGANALYTICS_TOKEN", "a"}, {"PGANALYTICS_TOKEN_FILE", "/nowhere"}}),
        {"PGANALYTICS_TOKEN_FILE", "one of the two"});
}

TEST(Config, UnknownKeysAreNamedWithTheirLine) {
    ExpectMentions(ErrorOf(With("interval", "intervall")),
                   {"c.toml:3:", "\"intervall\"", "interval"});
    ExpectMentions(ErrorOf(With("pin =", "insecure =")), {"c.toml:6:", "\"server.insecure\""});
    ExpectMentions(ErrorOf(With("conninfo = \"host", "dsn = \"host")),
                   {"c.toml:9:", "\"postgres.dsn\"", "conninfo"});
    ExpectMentions(ErrorOf(std::string(kGood) + "[extra]\n"), {"c.toml:13:", "\"extra\""});
}

TEST(Config, WrongValuesNameFileLineKeyAndCure) {
    ExpectMentions(ErrorOf(With("\"5s\"", "5")), {"c.toml:3: interval", "string"});
    for (const char* wrong : {"\"5\"", "\"5 s\"", "\"99ms\"", "\"2h\"", "\"-5s\"",
                              "\"99999999999999999999s\"", "\"9223372036854775807h\""}) {
        ExpectMentions(ErrorOf(With("\"5s\"", wrong)), {"c.toml:3: interval", "\"60s\""});
    }
    ExpectMentions(ErrorOf(With("01234567-89ab", "0123456789ab")),
                   {"c.toml:1: collector_id", "UUID"});
    ExpectMentions(ErrorOf(With("https://db", "http://db")), {"c.toml:5: server.url", "https"});
    ExpectMentions(ErrorOf(With("https://db", "https://me:pw@db")),
                   {"c.toml:5: server.url", "no user"});
    ExpectMentions(ErrorOf(With("8443/", "8443/?a=b")), {"c.toml:5: server.url"});
    ExpectMentions(ErrorOf(With("8443/", "844x")), {"c.toml:5: server.url"});
    ExpectMentions(ErrorOf(With("SuFU=", "SuFU")), {"c.toml:6: server.pin", "44 characters"});
    ExpectMentions(ErrorOf(With("sha256/", "md5/")), {"c.toml:6: server.pin", "sha256/"});
    ExpectMentions(ErrorOf(With("prod-2", "prod-1")), {"c.toml:11: postgres.name", "taken"});
    ExpectMentions(ErrorOf(With("token = \"sesame\"", "token = \"a b\"")), {"c.toml:2: token"});
    ExpectMentions(ErrorOf(With("[server]", "[server")), {"c.toml:4:"});
}

TEST(Config, MissingKeysAreNamed) {
    ExpectMentions(ErrorOf(""), {"c.toml", "not enrolled", "pganalytics-collector enroll"});
    ExpectMentions(ErrorOf(With("token = \"sesame\"", "")), {"token_file is missing"});
    ExpectMentions(ErrorOf("token = \"sesame\""), {"collector_id is missing", "create_collector"});
    ExpectMentions(ErrorOf(With("url = \"https://db.example.com:8443/\"", "")),
                   {"server.url is missing"});
    ExpectMentions(ErrorOf(With("name = \"prod-1\"", "")), {"c.toml:7:", "must have a name"});
    std::string none = kGood;
    none.resize(none.find("[[postgres]]"));
    ExpectMentions(ErrorOf(none), {"[[postgres]]"});
    ExpectMentions(ErrorOf(With("token = \"sesame\"", "token = \"a\"\ntoken_file = \"b\"")),
                   {"c.toml:3: token_file", "c.toml:2: token", "one of the two"});
}

TEST(Config, MessagesHoldNoSecret) {
    for (const char* conninfo : {"host=h password=geheim oops geheim", "host=h password='geheim",
                                 "postgresql://u:geheim@[h", "geheim"}) {
        const std::string message = ErrorOf(With("host=/run/postgresql dbname=postgres", conninfo));
        ExpectMentions(message, {"c.toml:9: postgres.conninfo", "connection string"});
        EXPECT_EQ(message.find("geheim"), std::string::npos) << message;
    }
    const std::string message = ErrorOf(With("\"sesame\"", "\"ses\\name\""));
    EXPECT_EQ(message.find("ses"), std::string::npos) << message;
}

TEST(NormalizePin, TakesBothSpellingsAndSeveral) {
    const std::string digest = "/7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    EXPECT_EQ(*NormalizePin("sha256/" + digest), "sha256//" + digest);
    EXPECT_EQ(*NormalizePin("sha256//" + digest), "sha256//" + digest);
    EXPECT_EQ(*NormalizePin("sha256//" + digest + ";sha256/" + digest),
              "sha256//" + digest + ";sha256//" + digest);
    for (const std::string& wrong :
         {std::string(), digest, "sha256///" + digest, "sha256/" + digest + ";",
          std::string("sha256/!7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
          std::string("sha256/")}) {
        EXPECT_FALSE(NormalizePin(wrong).ok()) << wrong;
    }
}

class ConfigFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "configXXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string Write(const std::string& name, const std::string& content, mode_t mode) {
        const std::string path = directory_ + "/" + name;
        std::ofstream(path) << content;
        chmod(path.c_str(), mode);
        return path;
    }

    std::string directory_;
};

// Enrolled has a state directory as a successful enrolment leaves it.
class Enrolled : public StateTest {
  protected:
    void SetUp() override {
        StateTest::SetUp();
        ASSERT_TRUE(std::holds_alternative<State>(Enrol()));
    }
    std::string Text(const std::string& before, const std::string& after = "") {
        return before + "state_dir = \"" + path_ + "\"\n" + after +
               "[[postgres]]\nname = \"prod-1\"\nconninfo = \"host=/run/postgresql\"\n";
    }
};

TEST_F(Enrolled, StateTakesThePlaceOfIdTokenAndUrl) {
    const auto config = ParseWith(Text(""));
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(core::FormatUuid(config->collector_id), kCollectorId);
    EXPECT_EQ(config->token, "");
    EXPECT_EQ(config->url, kUrl);
    EXPECT_TRUE(config->state.identity);
    const auto elsewhere =
        ParseWith(Text("token = \"sesame\"\n", "[server]\nurl = \"https://elsewhere\"\n"));
    ASSERT_TRUE(elsewhere.ok()) << elsewhere.error().message;
    EXPECT_EQ(elsewhere->url, "https://elsewhere");
    EXPECT_EQ(elsewhere->token, "sesame");
    EXPECT_TRUE(
        ParseWith(Text("").substr(Text("").find('\n') + 1), {{"PGANALYTICS_STATE_DIR", path_}})
            .ok());
}

TEST_F(Enrolled, AnotherIdThanTheCertificatesIsRefused) {
    ExpectMentions(ErrorOf(Text(std::string("collector_id = \"") + kOtherId + "\"\n")),
                   {"c.toml:1: collector_id", kCollectorId, "leave it out"});
    EXPECT_EQ(ErrorOf(Text(std::string("collector_id = \"") + kCollectorId + "\"\n")),
              "(accepted)");
}

TEST_F(Enrolled, StateThatCannotBeReadIsRefused) {
    std::ofstream(path_ + "/identity.pem") << "x";
    ExpectMentions(ErrorOf(Text("token = \"sesame\"\n")), {"identity.pem", "no certificate"});
    // A new enrolment accepts the same state.
    const auto config = ParseConfig(
        Text(""), "c.toml", [](const char*) -> const char* { return nullptr; }, Purpose::kEnroll);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->state_dir, path_);
}

TEST_F(ConfigFile, IsNotNeededToEnrol) {
    const auto none = [](const char*) { return nullptr; };
    EXPECT_TRUE(LoadConfig(directory_ + "/none.toml", none, Purpose::kEnroll).ok());
    EXPECT_FALSE(LoadConfig(directory_ + "/none.toml", none).ok());
}

TEST_F(ConfigFile, ReadsSecretsFromFiles) {
    const std::string token = Write("token", "from-file\n", 0600);
    const std::string password = Write("password", "geheim\n", 0600);
    std::string text = With("token = \"sesame\"", "token_file = \"" + token + "\"");
    text += "password_file = \"" + password + "\"\n";
    const auto config =
        LoadConfig(Write("c.toml", text, 0644), [](const char*) { return nullptr; });
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->token, "from-file");
    EXPECT_EQ(config->token_file, token);
    EXPECT_EQ(config->servers[1].password_file, password);
    EXPECT_TRUE(config->warnings.empty());
}

TEST_F(ConfigFile, NamesTheKeyOfASecretFileThatOthersCanRead) {
    const std::string token = Write("token", "from-file\n", 0644);
    ExpectMentions(ErrorOf(With("token = \"sesame\"", "token_file = \"" + token + "\"")),
                   {"c.toml:2: token_file", "mode is 0644", "chmod 0600"});
}

TEST_F(ConfigFile, WarnsOfSecretsInAnOpenFile) {
    const auto none = [](const char*) { return nullptr; };
    EXPECT_EQ(LoadConfig(Write("c.toml", kGood, 0644), none)->warnings.size(), 1u);
    EXPECT_EQ(LoadConfig(Write("c.toml", kGood, 0600), none)->warnings.size(), 0u);
    ExpectMentions(LoadConfig(directory_ + "/none.toml", none).error().message,
                   {"none.toml", "No such file"});
}

}  // namespace
}  // namespace pganalytics::collector
