#include "pg/store/metrics/metric_table.hpp"

#include "pg/base/statement.hpp"
#include "pg/store/metrics/stored_text.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Column;
using protocol::ColumnRole;
using protocol::ColumnType;

constexpr auto kTables = static_cast<size_t>(protocol::MetricId::kUnknown) + 1;
MetricTable* tables[kTables];

Oid TypeOf(ColumnType type) {
    switch (type) {
        case ColumnType::kFloat8:
            return FLOAT8OID;
        case ColumnType::kBool:
            return BOOLOID;
        case ColumnType::kTimestamp:
            return TIMESTAMPTZOID;
        case ColumnType::kText:
            return TEXTOID;
        case ColumnType::kJson:
            return JSONOID;
        case ColumnType::kLsn:
            return PG_LSNOID;
        case ColumnType::kInt8:
            break;
    }
    return INT8OID;
}

MetricTable* Describe(const protocol::Metric& metric) {
    auto* const table =
        static_cast<MetricTable*>(MemoryContextAllocZero(TopMemoryContext, sizeof(MetricTable)));
    auto* const columns = static_cast<BulkColumn*>(MemoryContextAllocZero(
        TopMemoryContext, sizeof(BulkColumn) * (kFixedColumns + protocol::kMaxColumns + 1)));
    columns[0] = {"server_id", INT4OID, true};
    columns[1] = {"series_id", INT4OID, true};
    columns[2] = {"sampled_at", TIMESTAMPTZOID, true};
    int count = kFixedColumns;
    table->words = true;
    for (size_t i = 0; i < metric.columns.size(); ++i) {
        const Column& column = metric.columns[i];
        if (column.role != ColumnRole::kCounter && column.role != ColumnRole::kValue) continue;
        // The names in the catalog are string literals, so they are NUL-terminated.
        columns[count++] = {column.name.data(), TypeOf(column.type), false};
        table->source[table->cells] = static_cast<uint8_t>(i);
        table->words = table->words && !IsText(column.type) &&
                       (table->cells == 0 || table->source[table->cells - 1] + 1u == i);
        ++table->cells;
    }
    if (metric.keep == protocol::Keep::kOnce) columns[count++] = {"content_hash", INT8OID, true};
    table->bulk = {metric.relation.data(), count, kFixedColumns - 1, 1, columns, nullptr};
    return table;
}

Datum StoredDatum(const Column& column, std::string_view sent, bool* is_null) {
    const std::string_view text = StoredText(column.content, sent);
    *is_null = text.data() == nullptr;
    return *is_null ? Datum{0} : TextDatum(text);
}

// MaskedDatum masks a text only if it is not the one that its entry remembers.
Datum MaskedDatum(const Column& column, std::string_view sent, MaskedTexts* masked, bool* is_null) {
    const uintptr_t place = reinterpret_cast<uintptr_t>(sent.data()) / sizeof(uint64_t);
    MaskedTexts::Entry& entry = masked->entries[place % lengthof(masked->entries)];
    if (!entry.used || entry.text != sent.data() || entry.bytes != sent.size()) {
        entry = {sent.data(), sent.size(), 0, false, true};
        entry.datum = StoredDatum(column, sent, &entry.is_null);
    }
    *is_null = entry.is_null;
    return entry.datum;
}

Datum DatumOf(const Column& column, const protocol::RowBlock& block, uint64_t word,
              MaskedTexts* masked, bool* is_null) {
    switch (column.type) {
        case ColumnType::kText:
            // Other contents are of texts that differ from row to row, as messages of the log do.
            if (column.content == protocol::Content::kSql) {
                return MaskedDatum(column, block.Text(word), masked, is_null);
            }
            return StoredDatum(column, block.Text(word), is_null);
        case ColumnType::kJson: {
            const std::string_view text = StoredJson(column.content, block.Text(word));
            return DirectFunctionCall1(json_in,
                                       CStringGetDatum(pnstrdup(text.data(), text.size())));
        }
        default:
            return static_cast<Datum>(word);
    }
}

}  // namespace

MetricTable* TableOf(const protocol::Metric& metric) {
    MetricTable*& table = tables[static_cast<size_t>(metric.id)];
    if (table == nullptr) table = Describe(metric);
    return table;
}

void FillCells(const MetricTable& table, const protocol::RowBlock& block, protocol::Row row,
               MaskedTexts* masked, RowCells cells) {
    // The word of a cell is its Datum if the type is passed by value.
    static_assert(sizeof(Datum) == sizeof(uint64_t) && FLOAT8PASSBYVAL);
    Datum* const values = cells.values + kFixedColumns;
    bool* const nulls = cells.nulls + kFixedColumns;
    memset(cells.nulls, 0, sizeof(bool) * static_cast<size_t>(table.bulk.columns));
    if (table.words) {
        const uint64_t mask = row.words[0] >> table.source[0];
        memcpy(values, row.words + 1 + table.source[0],
               sizeof(Datum) * static_cast<size_t>(table.cells));
        for (int i = 0; i < table.cells; ++i) nulls[i] = (mask >> i & 1) != 0;
        return;
    }
    for (int i = 0; i < table.cells; ++i) {
        const uint32_t column = table.source[i];
        nulls[i] = row.IsNull(column);
        if (!nulls[i]) {
            values[i] =
                DatumOf(block.metric->columns[column], block, row.Word(column), masked, &nulls[i]);
        }
    }
}

void VerifyTexts(const protocol::RowBlock& block) {
    const auto columns = static_cast<uint32_t>(block.metric->columns.size());
    // The heap holds the texts of a block. A text is valid UTF-8 if the heap is, and if the text
    // begins and ends between two characters.
    auto between_characters = [&block](uint64_t at) {
        return at == block.heap_bytes ||
               (static_cast<unsigned char>(block.heap[at]) & 0xC0) != 0x80;
    };
    bool good = pg_verify_mbstr(PG_UTF8, block.heap, static_cast<int>(block.heap_bytes), true);
    for (uint32_t c = 0; c < columns && good; ++c) {
        if (!IsText(block.metric->columns[c].type)) continue;
        for (uint32_t i = 0; i < block.rows && good; ++i) {
            const uint64_t word = block.At(i).Word(c);  // 0 for NULL
            good = between_characters(word >> 32) &&
                   between_characters((word >> 32) + static_cast<uint32_t>(word));
        }
    }
    if (good) return;
    ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
            errmsg("a text for \"%s\" is not valid UTF-8", block.metric->relation.data()));
}

}  // namespace pganalytics::pg
