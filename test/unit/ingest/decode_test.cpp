// Tests of decoding: what a push becomes, and the refusal of each malformed one.
#include "ingest/decode.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "core/text.hpp"
#include "ingest/inflate.hpp"
#include "protocol/frame.hpp"
#include "samples.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Row;
using protocol::RowBuilder;

const std::string kRow = R"({"hash":1,"calls":2})";

TEST(Decode, V3FixtureIsAccepted) {
    std::ifstream file(PGANALYTICS_SOURCE_DIR "/test/fixtures/v3-collector-push.json.gz",
                       std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    auto body = Inflate(DetectCompression(bytes), bytes, 1 << 20);
    ASSERT_TRUE(body.ok());
    Decoder decoder(1);
    const auto push = decoder.Decode(body->view(), 0);
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(core::FormatUuid(push->collector_id), kCollector);
    EXPECT_EQ(push->hostname, "db-host-01");
    EXPECT_EQ(push->server_name, "");
    EXPECT_EQ(push->collector_version, "3.0.0");
    EXPECT_EQ(push->merged, 171u);
    const RowBuilder& block = *BlockOf(*push, protocol::MetricId::kQueryStats);
    EXPECT_EQ(block.rows(), 229u);
    EXPECT_EQ(block.At(0).Int8(protocol::kQueryId), -2391193142182492982);
    EXPECT_TRUE(block.At(0).IsNull(protocol::kUserName));
    EXPECT_EQ(block.Text(block.At(0).Word(protocol::kDatabase)), "postgres");
    EXPECT_EQ(push->unstored, "");
}

TEST(Decode, ReadsEveryKindOfCell) {
    const auto push = DecodeText(Document(QueryStats(
        R"({"hash":-9223372036854775808,"text":"a\u00e9\ud83d\ude00\n\"","user":"bob",)"
        R"("toplevel":true,"stats_since":"2026-11-22T00:00:00.5Z","calls":9223372036854775807,)"
        R"("total_time":1.25e2,"rows":0,"min_time":-0.0})")));
    ASSERT_TRUE(push.ok()) << push.error().message;
    const RowBuilder& block = push->blocks[0];
    const Row row = block.At(0);
    EXPECT_EQ(row.Int8(protocol::kSampledAt), *core::ParseTimestamp("2026-11-22T08:54:22Z"));
    EXPECT_EQ(block.Text(row.Word(protocol::kDatabase)), "app");
    EXPECT_EQ(block.Text(row.Word(protocol::kUserName)), "bob");
    EXPECT_EQ(row.Int8(protocol::kQueryId), INT64_MIN);
    EXPECT_EQ(row.Word(protocol::kTopLevel), 1u);
    EXPECT_EQ(block.Text(row.Word(protocol::kQueryText)), "a\u00e9\U0001F600\n\"");
    EXPECT_EQ(row.Int8(protocol::kStatsSince), *core::ParseTimestamp("2026-11-22T00:00:00.5Z"));
    EXPECT_EQ(row.Int8(protocol::kFirstCounter), INT64_MAX);
    EXPECT_EQ(row.Float8(protocol::kFirstCounter + 3), 125.0);
    // Zero, negative zero and absent counters are NULL.
    EXPECT_TRUE(row.IsNull(protocol::kFirstCounter + 2));
    EXPECT_TRUE(row.IsNull(protocol::kFirstCounter + 5));
    EXPECT_TRUE(row.IsNull(protocol::kFirstCounter + 1));
    EXPECT_EQ(push->unstored, "");
}

TEST(Decode, NullIsAbsentWhereAbsentIsAllowed) {
    const auto push = DecodeText(Document(
        QueryStats(R"({"hash":1,"user":null,"toplevel":null,"calls":null,"stats_since":null})")));
    ASSERT_TRUE(push.ok()) << push.error().message;
    const Row row = push->blocks[0].At(0);
    for (const uint32_t column : {protocol::kUserName, protocol::kTopLevel, protocol::kStatsSince,
                                  protocol::kFirstCounter}) {
        EXPECT_TRUE(row.IsNull(column));
    }
}

TEST(Decode, PushLevelKeys) {
    const auto push = DecodeText(Document(
        QueryStats(kRow, R"(,"unchanged":40)"),
        R"(,"hostname":"h","version":"3.2.0","metrics_count":1,)"
        R"("timestamp":"2026-11-22T08:54:22Z","server":{"name":"prod","version_num":150004})"));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(push->hostname, "h");
    EXPECT_EQ(push->collector_version, "3.2.0");
    EXPECT_EQ(push->server_name, "prod");
    EXPECT_EQ(push->server_version, 150004u);
    EXPECT_EQ(push->unchanged, 40u);
    EXPECT_EQ(push->observed, 41u);
}

// v3's other form: the databases of one sample in an array. v3 writes the keys in alphabetical
// order.
std::string Wrapped(const std::string& databases) {
    return R"({"databases":[)" + databases +
           R"(],"timestamp":"2026-11-22T08:54:22Z","type":"pg_query_stats"})";
}

TEST(Decode, SeveralDatabasesInOneMetric) {
    const auto push = DecodeText(Document(Wrapped(
        R"({"database":"a","queries":[{"hash":1,"calls":2,"text":"x"},{"hash":1,"calls":3}]},)"
        R"({"queries":[{"hash":1,"calls":4}],"database":"b"},{"database":"c","queries":[]})")));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(push->observed, 3u);
    EXPECT_EQ(push->merged, 1u);
    const RowBuilder& block = push->blocks[0];
    ASSERT_EQ(block.rows(), 2u);
    const struct {
        const char* database;
        int64_t calls;
    } rows[] = {{"a", 5}, {"b", 4}};
    for (uint32_t i = 0; i < 2; ++i) {
        const Row row = block.At(i);
        EXPECT_EQ(row.Int8(protocol::kSampledAt), *core::ParseTimestamp("2026-11-22T08:54:22Z"));
        EXPECT_EQ(block.Text(row.Word(protocol::kDatabase)), rows[i].database);
        EXPECT_EQ(row.Int8(protocol::kFirstCounter), rows[i].calls);
    }
    EXPECT_EQ(block.Text(block.At(0).Word(protocol::kQueryText)), "x");
    EXPECT_EQ(push->unstored, "");
}

TEST(Decode, SeveralDatabasesAreReadAsStrictlyAsOne) {
    const std::string good = R"({"database":"a","queries":[]})";
    const struct {
        std::string metric;
        const char* path;
    } cases[] = {
        {Wrapped(R"({"queries":[]})"), "metrics[0].databases[0].database"},
        {Wrapped(good + R"(,{"database":"b"})"), "metrics[0].databases[1].queries"},
        {Wrapped(good + R"(,{"database":"b","queries":[{"calls":1}]})"),
         "metrics[0].databases[1].queries[0].hash"},
        {Wrapped("7"), "metrics[0].databases[0]"},
        {Wrapped(R"({"database":"a","databases":[]})"), "metrics[0].databases[0].databases"},
        {R"({"type":"pg_query_stats","databases":[]})", "metrics[0].timestamp"},
        {R"({"type":"pg_query_stats","timestamp":"2026-11-22T08:54:22Z","databases":{}})",
         "metrics[0].databases"},
        {R"({"type":"pg_query_stats","timestamp":"2026-11-22T08:54:22Z","databases":[],)"
         R"("queries":[]})",
         "metrics[0].databases"},
        {R"({"type":"pg_query_stats","timestamp":"2026-11-22T08:54:22Z","databases":[],)"
         R"("database":"a"})",
         "metrics[0].databases"},
    };
    for (const auto& one : cases) {
        const auto push = DecodeText(Document(one.metric));
        ASSERT_FALSE(push.ok()) << one.metric;
        EXPECT_EQ(push.error().status, 422) << one.metric;
        EXPECT_EQ(push.error().path, one.path);
    }
}

TEST(Decode, OnlyUnchangedRowsNeedNoRowsKey) {
    const auto push = DecodeText(
        Document(R"({"type":"pg_query_stats","database":"a","timestamp":"2026-11-22T08:54:22Z",)"
                 R"("unchanged":7})"));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(push->observed, 7u);
    ASSERT_EQ(push->blocks.size(), 1u);
    EXPECT_EQ(push->blocks[0].metric().id, protocol::MetricId::kAccounts);
}

TEST(Decode, KeysInAnyOrderAndEscaped) {
    const auto push = DecodeText(Document(
        QueryStats(R"({"calls":1,"hash":5},{"hash":6,"calls":2},{"c\u0061lls":3,"hash":7})")
            .replace(0, 1, R"({"x":[1,{"type":"sysstat"}],)")));
    ASSERT_TRUE(push.ok()) << push.error().message;
    const RowBuilder& block = push->blocks[0];
    ASSERT_EQ(block.rows(), 3u);
    for (uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(block.At(i).Int8(protocol::kQueryId), 5 + i);
        EXPECT_EQ(block.At(i).Int8(protocol::kFirstCounter), 1 + i);
    }
    EXPECT_EQ(push->unstored, R"({"fields":{"pg_query_stats.x":1}})");
}

TEST(Decode, UnknownNamesAreCounted) {
    const auto push = DecodeText(
        Document(QueryStats(R"({"hash":1,"foo":1},{"hash":2,"foo":[{}]})", R"(,"bar":0)") +
                     R"(,{"type":"sysstat","gpu":{}},{"type":"sysstat","cpu":{"fan":1}})",
                 R"(,"later":null,"server":{"region":"eu"})"));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(push->unstored,
              R"({"fields":{"later":1,"pg_query_stats.bar":1,"pg_query_stats.queries.foo":2,)"
              R"("server.region":1,"sysstat.cpu.fan":1,"sysstat.gpu":1}})");
}

TEST(Decode, NumberOfNamesIsBounded) {
    std::string fields;
    for (int i = 0; i < 250; ++i) fields += R"(,"t)" + std::to_string(1000 + i) + "\":1";
    fields += ",\"" + std::string(240, 'x') + "\":1";
    const auto push = DecodeText(Document("", fields));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_NE(push->unstored.find(R"("*":151)"), std::string::npos);
    EXPECT_LT(push->unstored.size(), 2500u);
}

TEST(Decode, NamesAreCutAndCleaned) {
    const std::string long_name(99, 'x');
    const auto push =
        DecodeText(Document("", ",\"" + long_name + "\u00e9\u00e9\":1" + R"(,"n\u0000\u001fl":2)"));
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(push->unstored, R"({"fields":{"n??l":1,")" + long_name + R"(":1}})");
}

TEST(Decode, TextOfTheSameQueryIsKeptOnce) {
    const std::string row = R"({"hash":1,"user":"u","text":"SELECT something rather long"})";
    std::string other = row;
    other.replace(other.find("\"u\""), 3, "\"v\"");
    const auto push = DecodeText(Document(QueryStats(row + "," + other) + "," + QueryStats(row)));
    ASSERT_TRUE(push.ok()) << push.error().message;
    const RowBuilder& block = push->blocks[0];
    ASSERT_EQ(block.rows(), 3u);
    EXPECT_EQ(block.At(0).Word(protocol::kQueryText), block.At(2).Word(protocol::kQueryText));
    EXPECT_EQ(block.At(0).Word(protocol::kQueryText), block.At(1).Word(protocol::kQueryText));
}

std::string Repeated(const std::string& item, size_t count) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += (i == 0 ? "" : ",") + item;
    return all;
}

TEST(Decode, TextThatIsCutShowsThatItWasLonger) {
    struct {
        std::string text;
        size_t kept;
    } const cases[] = {{std::string(10, 'x'), 10},
                       {std::string(11, 'x'), 11},
                       {std::string(1000, 'x'), 14},
                       {std::string(10, 'x') + "\xf0\x9f\x98\x80" + "xyz", 14},
                       {std::string(11, 'x') + "\xf0\x9f\x98\x80", 11},
                       {std::string(13, 'x') + "\xc3\xa9" + "z", 13}};
    for (const auto& [text, kept] : cases) {
        for (const std::string& escaped : {std::string(), std::string(R"(\u0061)")}) {
            const core::Buffer body(
                Document(QueryStats(R"({"hash":1,"calls":2,"text":")" + escaped + text + R"("})")));
            Decoder decoder(42, escaped.empty() ? 10 : 11);
            const auto push = decoder.Decode(body.view(), 0);
            ASSERT_TRUE(push.ok()) << push.error().message;
            const RowBuilder& block = push->blocks[0];
            const std::string_view read = block.Text(block.At(0).Word(protocol::kQueryText));
            EXPECT_EQ(read, (escaped.empty() ? "" : "a") + text.substr(0, kept));
        }
    }
}

TEST(Decode, TooManyRows) {
    const std::string lines = R"({"type":"pg_log","database":"a","entries":[)";
    const std::string time = R"(],"timestamp":"2026-11-22T08:54:22Z"})";
    const std::string line = R"({"level":"LOG"})";
    const uint32_t most = protocol::kMaxRowsPerPush;
    EXPECT_TRUE(DecodeText(Document(lines + Repeated(line, most) + time)).ok());
    const auto push = DecodeText(Document(lines + Repeated(line, most + 1) + time));
    ASSERT_FALSE(push.ok());
    EXPECT_EQ(push.error().status, 413);
    EXPECT_EQ(push.error().path, "metrics[0].entries[500000]");
}

TEST(Decode, TooManyCells) {
    const size_t row_bytes =
        8 * (1 + protocol::FindMetric(protocol::MetricId::kQueryStats)->columns.size());
    const size_t most = protocol::kMaxCellBytesPerPush / row_bytes;
    // Rows of one query are merged into one, but each counts against the maximum.
    EXPECT_TRUE(DecodeText(Document(QueryStats(Repeated(kRow, most)))).ok());
    const auto push = DecodeText(Document(QueryStats(Repeated(kRow, most + 1))));
    ASSERT_FALSE(push.ok());
    EXPECT_EQ(push.error().status, 413);
    EXPECT_EQ(push.error().path, "metrics[0].queries[" + std::to_string(most) + "]");
}

TEST(Decode, AnErrorLeavesNothingBehind) {
    Decoder decoder(3);
    const core::Buffer bad(Document(QueryStats(R"({"hash":1,"user":"x"},{"hash":"x"})")));
    const core::Buffer good(Document(QueryStats(kRow)));
    EXPECT_FALSE(decoder.Decode(bad.view(), 0).ok());
    const auto push = decoder.Decode(good.view(), 0);
    ASSERT_TRUE(push.ok());
    EXPECT_EQ(push->blocks[0].rows(), 1u);
    EXPECT_EQ(push->observed, 1u);
}

struct BadPush {
    std::string name;
    std::string json;
    int status;
    std::string path;
};

std::string Nested(int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
}

std::vector<BadPush> BadPushes() {
    const std::string row0 = "metrics[0].queries[0]";
    auto row = [](const std::string& json) { return Document(QueryStats(json)); };
    return {
        {"empty", "", 400, "$"},
        {"white space", " \n", 400, "$"},
        {"byte order mark", "\xEF\xBB\xBF" + row(kRow), 400, "$"},
        {"cut", row(kRow).substr(0, 70), 400, "$"},
        {"cut at the end", row(kRow).substr(0, row(kRow).size() - 1), 400, "$"},
        {"second document", row(kRow) + "{}", 400, "$"},
        {"trailing bracket", row(kRow) + "}", 400, "$"},
        {"trailing NUL", row(kRow) + std::string(1, '\0'), 400, "$"},
        {"not UTF-8", row("{\"hash\":1,\"text\":\"\xC3(\"}"), 400, "$"},
        {"surrogate in UTF-8", row("{\"hash\":1,\"text\":\"\xED\xA0\x80\"}"), 400, "$"},
        {"raw control character", row("{\"hash\":1,\"text\":\"a\nb\"}"), 400, "$"},
        {"unclosed string", R"({"collector_id":"x)", 400, "$"},
        {"trailing comma in object", row(R"({"hash":1,})"), 400, row0},
        {"trailing comma in array", row(kRow + ","), 400, "metrics[0].queries[1]"},
        {"missing colon", row(R"({"hash" 1})"), 400, row0},
        {"key without quotes", row(R"({hash:1})"), 400, row0},
        {"NaN", row(R"({"hash":1,"total_time":NaN})"), 400, row0 + ".total_time"},
        {"Infinity", row(R"({"hash":1,"total_time":-Infinity})"), 400, row0 + ".total_time"},
        {"leading zero", row(R"({"hash":01})"), 400, row0 + ".hash"},
        {"plus", row(R"({"hash":+1})"), 400, row0 + ".hash"},
        {"hexadecimal", row(R"({"hash":0x10})"), 400, row0 + ".hash"},
        {"number ends in a point", row(R"({"hash":1,"total_time":1.})"), 400, row0 + ".total_time"},
        {"unknown escape", row(R"({"hash":1,"text":"\x"})"), 400, row0 + ".text"},
        {"half a surrogate pair", row(R"({"hash":1,"text":"\ud800"})"), 400, row0 + ".text"},
        {"short \\u", row(R"({"hash":1,"text":"\u12"})"), 400, row0 + ".text"},
        {"bad escape in a key", row(R"({"h\ash":1})"), 400, row0},
        {"unknown field malformed", row(R"({"hash":1,"foo":[1,2,tru]})"), 400, row0},
        {"unknown type malformed", Document(R"({"type":"sysstat","a":{"b":[01]}})"), 400,
         "metrics[0]"},
        {"bad escape in what is not stored", Document(R"({"type":"sysstat","a":"\q"})"), 400,
         "metrics[0]"},
        {"too deep", Document(R"({"type":"sysstat","a":)" + Nested(30) + "}"), 400, "metrics[0]"},
        {"far too deep", Nested(5000), 400, "$"},
        {"array", "[1]", 422, "$"},
        {"string", R"("x")", 422, "$"},
        {"number", "-1.5e3", 422, "$"},
        {"null", " null ", 422, "$"},
        {"no collector_id", R"({"metrics":[]})", 422, "collector_id"},
        {"collector_id is no UUID", R"({"collector_id":"x","metrics":[]})", 422, "collector_id"},
        {"no metrics", R"({"collector_id":")" + std::string(kCollector) + "\"}", 422, "metrics"},
        {"metrics is no array", Document("").replace(Document("").find("[]"), 2, "{}"), 422,
         "metrics"},
        {"metric is no object", Document("1"), 422, "metrics[0]"},
        {"metric without type", Document(R"({"x":1})"), 422, "metrics[0].type"},
        {"type is no string", Document(R"({"type":1})"), 422, "metrics[0].type"},
        {"type twice", Document(R"({"type":"sysstat","type":"sysstat"})"), 422, "metrics[0].type"},
        {"metrics_count", Document("", R"(,"metrics_count":1)"), 422, "metrics_count"},
        {"collector_id twice", Document("", R"(,"collector_id":"x")"), 422, "collector_id"},
        {"timestamp of the push", Document("", R"(,"timestamp":"yesterday")"), 422, "timestamp"},
        {"space in the time of the push", Document("", R"(,"timestamp":"2026-11-22 08:54:22Z")"),
         422, "timestamp"},
        {"space in a metric's time",
         Document(R"({"type":"pg_query_stats","database":"a","queries":[],)"
                  R"("timestamp":"2026-11-22 08:54:22Z"})"),
         422, "metrics[0].timestamp"},
        {"space in stats_since",
         Document(QueryStats(R"({"hash":1,"stats_since":"2026-11-22 08:54:22+00"})")), 422,
         "metrics[0].queries[0].stats_since"},
        {"type with NUL", Document(R"({"type":"a\u0000"})"), 422, "metrics[0].type"},
        {"hostname too long", Document("", R"(,"hostname":")" + std::string(256, 'h') + "\""), 422,
         "hostname"},
        {"hostname with NUL", Document("", R"(,"hostname":"a\u0000")"), 422, "hostname"},
        {"server is no object", Document("", R"(,"server":"x")"), 422, "server"},
        {"server without a name", Document("", R"(,"server":{"name":""})"), 422, "server.name"},
        {"server version", Document("", R"(,"server":{"version_num":-1})"), 422,
         "server.version_num"},
        {"no database",
         Document(R"({"type":"pg_query_stats","queries":[],"timestamp":)"
                  R"("2026-11-22T08:54:22Z"})"),
         422, "metrics[0].database"},
        {"no queries",
         Document(R"({"type":"pg_query_stats","database":"a","timestamp":)"
                  R"("2026-11-22T08:54:22Z"})"),
         422, "metrics[0].queries"},
        {"second metric", Document(R"({"type":"x"},{"type":"pg_query_stats","queries":1})"), 422,
         "metrics[1].queries"},
        {"metric's time", Document(R"({"type":"pg_query_stats","timestamp":"x"})"), 422,
         "metrics[0].timestamp"},
        {"unchanged negative", Document(QueryStats("", R"(,"unchanged":-1)")), 422,
         "metrics[0].unchanged"},
        {"merged negative", Document(QueryStats("", R"(,"merged":-1)")), 422, "metrics[0].merged"},
        {"merged of 2^31", Document(QueryStats("", R"(,"merged":2147483648)")), 422,
         "metrics[0].merged"},
        {"too many merged in sum",
         Document(QueryStats("", R"(,"merged":2147483647)") + "," +
                  QueryStats("", R"(,"merged":1)")),
         422, "metrics"},
        {"too many unchanged in sum",
         Document(QueryStats("", R"(,"unchanged":2147483647)") + "," +
                  QueryStats("", R"(,"unchanged":1)")),
         422, "metrics"},
        {"row is no object", row("[]"), 422, row0},
        {"row without hash", row(kRow + R"(,{"calls":1})"), 422, "metrics[0].queries[1].hash"},
        {"hash null", row(R"({"hash":null})"), 422, row0 + ".hash"},
        {"hash is a string", row(R"({"hash":"1"})"), 422, row0 + ".hash"},
        {"fraction", row(R"({"hash":1,"calls":1.5})"), 422, row0 + ".calls"},
        {"exponent", row(R"({"hash":1,"calls":1e3})"), 422, row0 + ".calls"},
        {"2^63", row(R"({"hash":9223372036854775808})"), 422, row0 + ".hash"},
        {"-2^63-1", row(R"({"hash":-9223372036854775809})"), 422, row0 + ".hash"},
        {"float out of range", row(R"({"hash":1,"total_time":1e999})"), 422, row0 + ".total_time"},
        {"counter negative", row(R"({"hash":1,"calls":-1})"), 422, row0 + ".calls"},
        {"time negative", row(R"({"hash":1,"total_time":-0.1})"), 422, row0 + ".total_time"},
        {"NUL in text", row(R"({"hash":1,"text":"a\u0000b"})"), 422, row0 + ".text"},
        {"text is a number", row(R"({"hash":1,"text":5})"), 422, row0 + ".text"},
        {"toplevel is a number", row(R"({"hash":1,"toplevel":1})"), 422, row0 + ".toplevel"},
        {"key twice", row(R"({"hash":1,"hash":1})"), 422, row0 + ".hash"},
        {"key twice, escaped", row(R"({"hash":1,"h\u0061sh":1})"), 422, row0 + ".hash"},
        {"user too long", row(R"({"hash":1,"user":")" + std::string(256, 'u') + "\"}"), 422,
         row0 + ".user"},
        {"sum out of range", row(R"({"hash":1,"calls":9223372036854775807},{"hash":1,"calls":1})"),
         422, "metrics[0].queries[1].calls"},
    };
}

TEST(Decode, BadPushesAreRefusedByPath) {
    for (const BadPush& bad : BadPushes()) {
        const auto push = DecodeText(bad.json);
        ASSERT_FALSE(push.ok()) << bad.name;
        EXPECT_EQ(push.error().status, bad.status) << bad.name << ": " << push.error().message;
        EXPECT_EQ(push.error().path, bad.path) << bad.name << ": " << push.error().message;
    }
}

TEST(Decode, MessagesNameThePathThenTheReason) {
    const auto push = DecodeText(Document(QueryStats(R"({"hash":1,"calls":1.5})")));
    EXPECT_EQ(push.error().message, "metrics[0].queries[0].calls: must be an integer of 64 bits");
}

TEST(Decode, EveryCutOfAPushIsRefused) {
    const std::string json = Document(QueryStats(kRow) + R"(,{"type":"x","y":[true,null,"\n"]})",
                                      R"(,"timestamp":"2026-11-22T08:54:22Z")");
    ASSERT_TRUE(DecodeText(json).ok());
    for (size_t size = 0; size < json.size(); ++size) {
        const auto push = DecodeText(json.substr(0, size));
        ASSERT_FALSE(push.ok()) << size;
        EXPECT_EQ(push.error().status, 400) << push.error().message;
    }
}

TEST(Decode, DepthWithinTheLimit) {
    EXPECT_TRUE(DecodeText(Document(R"({"type":"sysstat","a":)" + Nested(29) + "}")).ok());
}

}  // namespace
}  // namespace pganalytics::ingest
