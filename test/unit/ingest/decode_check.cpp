// decode_check reads documents from standard input, each as a length in decimal, a line feed and
// its bytes. It writes a line for each: the status and the message, or "200". With --rows the
// decoded rows follow as JSON; with --catalog it writes the catalog and exits.
#include <cstdio>
#include <iostream>
#include <string>

#include "core/buffer.hpp"
#include "ingest/decode.hpp"

namespace {

using namespace pganalytics;
using protocol::ColumnType;

std::string Quoted(std::string_view text) {
    std::string json = "\"";
    for (const char c : text) {
        char escape[8];
        if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') {
            std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
            json += escape;
        } else {
            json += c;
        }
    }
    return json + "\"";
}

std::string CellOf(const protocol::RowBuilder& block, uint32_t row, uint32_t column) {
    const protocol::Row cells = block.At(row);
    if (cells.IsNull(column)) return "null";
    switch (block.metric().columns[column].type) {
        case ColumnType::kInt8:
        case ColumnType::kTimestamp:
            return std::to_string(cells.Int8(column));
        case ColumnType::kLsn:
            return std::to_string(cells.Word(column));
        case ColumnType::kBool:
            return cells.Word(column) != 0 ? "true" : "false";
        case ColumnType::kFloat8: {
            char number[64];
            std::snprintf(number, sizeof(number), "%.17g", cells.Float8(column));
            return number;
        }
        case ColumnType::kText:
        case ColumnType::kJson:
            return Quoted(block.Text(cells.Word(column)));
    }
    return "";
}

std::string RowsOf(const ingest::DecodedPush& push) {
    std::string json = R"({"observed":)" + std::to_string(push.observed) + R"(,"merged":)" +
                       std::to_string(push.merged) + R"(,"too_large":)" +
                       std::to_string(push.too_large) + R"(,"unstored":)" +
                       (push.unstored.empty() ? "{}" : push.unstored) + R"(,"blocks":{)";
    for (const auto& block : push.blocks) {
        if (json.back() != '{') json += ',';
        json += Quoted(block.metric().relation) + ":[";
        for (uint32_t row = 0; row < block.rows(); ++row) {
            json += row == 0 ? "[" : ",[";
            for (uint32_t i = 0; i < block.metric().columns.size(); ++i) {
                json += (i == 0 ? "" : ",") + CellOf(block, row, i);
            }
            json += ']';
        }
        json += ']';
    }
    return json + "}}";
}

void WriteCatalog() {
    std::string json = "[";
    for (const auto& metric : protocol::Catalog()) {
        json += std::string(json.size() == 1 ? "" : ",") + R"({"type":)" + Quoted(metric.type) +
                R"(,"relation":)" + Quoted(metric.relation) + R"(,"path":)" +
                Quoted(metric.rows_path) + R"(,"columns":[)";
        for (const auto& column : metric.columns) {
            json += std::string(json.back() == '[' ? "" : ",") + "[" + Quoted(column.name) + "," +
                    Quoted(column.json_key) + "," + std::to_string(static_cast<int>(column.type)) +
                    "," + std::to_string(static_cast<int>(column.role)) + "," +
                    std::to_string(static_cast<int>(column.scope)) + "]";
        }
        json += "]}";
    }
    std::cout << json << "]" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view option = argc > 1 ? argv[1] : "";
    if (option == "--catalog") {
        WriteCatalog();
        return 0;
    }
    ingest::Decoder decoder(11);
    std::string line;
    while (std::getline(std::cin, line)) {
        core::Buffer body;
        body.Resize(std::stoul(line));
        if (!std::cin.read(body.data(), static_cast<std::streamsize>(body.size()))) return 1;
        const auto push = decoder.Decode(body.view(), 0);
        std::string answer =
            push ? "200" : std::to_string(push.error().status) + " " + push.error().message;
        if (push && option == "--rows") answer += " " + RowsOf(*push);
        std::cout << answer << std::endl;
    }
}
