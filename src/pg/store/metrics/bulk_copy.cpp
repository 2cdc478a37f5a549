// Bulk, the copy path: feeds COPY in binary format from memory into the parent.
#include <bit>

#include "pg/store/metrics/bulk.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "port/pg_bswap.h"
}

namespace pganalytics::pg {
namespace {

// The cursor is static, because the callback of BeginCopyFrom has no argument of its own. One
// cursor is enough: a worker runs one COPY at a time.
struct Cursor {
    const RowSet* set;
    uint32_t next_row;
    bool trailer_done;
    StringInfoData staged;  // the header, one row, or the trailer
    size_t staged_at;
};
Cursor cursor;

size_t StagedBytes() { return static_cast<size_t>(cursor.staged.len); }

template <typename T>
void Put(T big_endian) {
    appendBinaryStringInfo(&cursor.staged, reinterpret_cast<const char*>(&big_endian), sizeof(T));
}

void PutCell(Oid type, Datum value) {
    switch (type) {
        case INT4OID:
            Put(pg_hton32(4));
            Put(pg_hton32(static_cast<uint32_t>(DatumGetInt32(value))));
            return;
        case BOOLOID:
            Put(pg_hton32(1));
            Put(static_cast<char>(DatumGetBool(value) ? 1 : 0));
            return;
        case TEXTOID:
        case JSONOID: {
            const char* const text = DatumGetPointer(value);
            const auto size = static_cast<int>(VARSIZE_ANY_EXHDR(text));
            Put(pg_hton32(static_cast<uint32_t>(size)));
            appendBinaryStringInfo(&cursor.staged, VARDATA_ANY(text), size);
            return;
        }
        default:  // int8, float8, timestamptz, pg_lsn: 8 bytes as they are
            Put(pg_hton32(8));
            Put(pg_hton64(static_cast<uint64_t>(value)));
            return;
    }
}

// Stage puts the next piece of the stream into the buffer. It returns false at the end of the
// stream.
bool Stage() {
    cursor.staged_at = 0;
    resetStringInfo(&cursor.staged);
    const BulkTable& table = *cursor.set->table;
    if (cursor.next_row == cursor.set->rows) {
        if (cursor.trailer_done) return false;
        cursor.trailer_done = true;
        Put(pg_hton16(0xFFFF));
        return true;
    }
    const size_t at = cursor.next_row++ * static_cast<size_t>(table.columns);
    Put(pg_hton16(static_cast<uint16_t>(table.columns)));
    for (int i = 0; i < table.columns; ++i) {
        if (cursor.set->nulls[at + static_cast<size_t>(i)]) {
            Put(pg_hton32(0xFFFFFFFF));
        } else {
            PutCell(table.column[i].type, cursor.set->values[at + static_cast<size_t>(i)]);
        }
    }
    return true;
}

void Start(const RowSet* set) {
    cursor = {};
    cursor.set = set;
    // Allocate the buffer here, in the transaction's context: while COPY calls ReadData, the
    // current context is one that COPY resets.
    initStringInfo(&cursor.staged);
    appendBinaryStringInfo(&cursor.staged, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

// ReadData is the callback by which COPY reads the stream. It returns `max` bytes, or fewer at the
// end. Bytes that do not fit stay in the buffer.
int ReadData(void* out, int, int max) noexcept {
    int copied = 0;
    while (copied < max) {
        if (cursor.staged_at == StagedBytes() && !Stage()) break;
        const auto room = static_cast<size_t>(max - copied);
        const size_t piece = Min(room, StagedBytes() - cursor.staged_at);
        memcpy(static_cast<char*>(out) + copied, cursor.staged.data + cursor.staged_at, piece);
        cursor.staged_at += piece;
        copied += static_cast<int>(piece);
    }
    return copied;
}

}  // namespace

uint64_t InsertByCopy(RowSet* set) {
    const BulkTable& table = *set->table;
    Relation const relation = table_openrv(
        makeRangeVar(pstrdup("pganalytics"), pstrdup(table.relation), -1), RowExclusiveLock);
    CheckInsertAllowed(relation);

    // Set up what DoCopy would set up. CopyFrom itself checks neither privileges nor row security;
    // CheckInsertAllowed has done so.
    ParseState* const pstate = make_parsestate(nullptr);
    pstate->p_sourcetext = "pganalytics push";
    addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock, nullptr, false, false);
    List* names = NIL;
    for (int i = 0; i < table.columns; ++i) {
        names = lappend(names, makeString(pstrdup(table.column[i].name)));
    }
    List* const options = list_make1(
        makeDefElem(pstrdup("format"), reinterpret_cast<Node*>(makeString(pstrdup("binary"))), -1));

    Start(set);
    CopyFromState const copy =
        BeginCopyFrom(pstate, relation, nullptr, nullptr, false, ReadData, names, options);
    const uint64_t stored = CopyFrom(copy);
    EndCopyFrom(copy);
    free_parsestate(pstate);
    table_close(relation, NoLock);
    return stored;
}

}  // namespace pganalytics::pg
