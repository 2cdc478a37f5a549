// Disk space: statvfs, and what of pg_wal the server will use again.
#include "pg/store/disk_space.hpp"

#include "core/monotonic.hpp"
#include "pg/base/session.hpp"
#include "pg/base/shmem.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_tablespace_d.h"
#include "catalog/pg_type_d.h"
#include "common/relpath.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgwriter.h"

#include <dirent.h>
#include <sys/statvfs.h>
}

namespace pganalytics::pg {
namespace {

constexpr int64 kAutomaticBytes = int64{256} << 20;
constexpr int64 kAutomaticShare = 50;  // one part of so many: 2 %
// The server writes WAL in whole segments, ours is not the only WAL, and a segment that cannot be
// made is a PANIC.
constexpr int64 kLeastSegments = 4;
// What a push writes for each byte of its frame: rows, indexes and WAL, generously.
constexpr int64 kWrittenPerByte = 3;
constexpr int64 kLookPeriodMs = 60 * 1000;
constexpr int64 kCheckpointPeriodMs = 5 * 1000;

Oid tablespaces[kMaxDiskPlaces - 2];
int tablespace_count = 0;

Statement find_tablespaces = {
    "SELECT DISTINCT c.reltablespace FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'pganalytics' AND c.reltablespace <> 0 ORDER BY 1 LIMIT $1",
    1,
    {INT8OID},
    nullptr};

int64 LeastBytes(int64 total_bytes, bool is_wal) {
    if (settings.min_free_space_kb >= 0) return int64{settings.min_free_space_kb} * 1024;
    const int64 least = Min(kAutomaticBytes, total_bytes / kAutomaticShare);
    return is_wal ? Max(least, kLeastSegments * wal_segment_size) : least;
}

void AddPlace(DiskKind kind, const char* path, Oid tablespace, DiskPlace* places, int* count) {
    struct statvfs disk = {};
    if (statvfs(path, &disk) != 0) return;
    DiskPlace* const place = &places[(*count)++];
    const auto block = static_cast<int64>(disk.f_frsize);
    place->kind = kind;
    place->tablespace = tablespace;
    place->total_bytes = static_cast<int64>(disk.f_blocks) * block;
    place->free_bytes = static_cast<int64>(disk.f_bavail) * block;
    place->least_bytes = LeastBytes(place->total_bytes, kind == DiskKind::kWal);
}

void AskForCheckpoint() {
    static core::Timer next;
    const core::Instant now = core::Instant::Now();
    const XLogRecPtr since = GetInsertRecPtr() - GetRedoRecPtr();
    if (!next.IsDue(now) || since < 2 * static_cast<XLogRecPtr>(wal_segment_size)) return;
    next.Start(now, kCheckpointPeriodMs);
    RequestCheckpoint(CHECKPOINT_IMMEDIATE | CHECKPOINT_CAUSE_XLOG);
}

// ComingBytes returns what all ingest workers are about to write. It reads without the lock: a
// number that is a moment old serves as well.
int64 ComingBytes() {
    int64 bytes = 0;
    for (const WorkerStatus& status : Shared()->statuses) bytes += status.storing_bytes;
    return kWrittenPerByte * bytes;
}

const char* NameOf(DiskKind kind) {
    switch (kind) {
        case DiskKind::kData:
            return "data";
        case DiskKind::kWal:
            return "wal";
        case DiskKind::kTablespace:
            break;
    }
    return "tablespace";
}

void Look() {
    static core::Timer next;
    const core::Instant now = core::Instant::Now();
    if (!next.IsDue(now)) return;
    next.Start(now, kLookPeriodMs);
    ErrorData* const error = Transact([] { FindTablespaces(); });
    if (error == nullptr) return;
    ereport(LOG, errcode(error->sqlerrcode),
            errmsg("pganalytics could not find the tablespaces of its tables: %s", error->message));
    FreeErrorData(error);
}

}  // namespace

int ReadDiskPlaces(DiskPlace* places) {
    int count = 0;
    char* const database = GetDatabasePath(MyDatabaseId, MyDatabaseTableSpace);
    AddPlace(DiskKind::kData, database, InvalidOid, places, &count);
    pfree(database);
    AddPlace(DiskKind::kWal, XLOGDIR, InvalidOid, places, &count);
    for (int i = 0; i < tablespace_count; ++i) {
        char path[64];
        pg_snprintf(path, sizeof(path), "pg_tblspc/%u", tablespaces[i]);
        AddPlace(DiskKind::kTablespace, path, tablespaces[i], places, &count);
    }
    return count;
}

void FindTablespaces() {
    Datum values[] = {Int64GetDatum(lengthof(tablespaces))};
    Execute(&find_tablespaces, values);
    tablespace_count = 0;
    for (uint64 row = 0; row < SPI_processed; ++row) {
        bool is_null = false;
        const Oid tablespace = DatumGetObjectId(CellOf(row, 1, &is_null));
        if (tablespace == DEFAULTTABLESPACE_OID || tablespace == GLOBALTABLESPACE_OID) continue;
        tablespaces[tablespace_count++] = tablespace;
    }
}

int64 ReusableWalBytes() {
    if (RecoveryInProgress()) return 0;
    XLogSegNo current = 0;
    XLByteToSeg(GetInsertRecPtr(), current, wal_segment_size);
    DIR* const directory = opendir(XLOGDIR);
    if (directory == nullptr) return 0;
    int64 count = 0;
    while (const dirent* const entry = readdir(directory)) {
        if (!IsXLogFileName(entry->d_name)) continue;
        TimeLineID timeline = 0;
        XLogSegNo segment = 0;
        XLogFromFileName(entry->d_name, &timeline, &segment, wal_segment_size);
        if (segment > current) ++count;
    }
    closedir(directory);
    return count * wal_segment_size;
}

bool DiskHasRoom(char* why, size_t why_size) {
    Look();
    DiskPlace places[kMaxDiskPlaces];
    const int count = ReadDiskPlaces(places);
    for (int i = 0; i < count; ++i) {
        DiskPlace& place = places[i];
        const bool is_wal = place.kind == DiskKind::kWal;
        const int64 needed = place.least_bytes + ComingBytes();
        // Counting segments reads a directory: do it only if it matters.
        if (place.least_bytes == 0 || place.free_bytes >= 2 * needed) continue;
        if (is_wal) {
            place.free_bytes += ReusableWalBytes();
            if (place.free_bytes < 2 * needed) AskForCheckpoint();
        }
        if (place.free_bytes >= needed) continue;
        pg_snprintf(why, why_size,
                    "too little space is free for %s (%s); pganalytics.min_free_space keeps %d MB",
                    is_wal ? "WAL" : "data", NameOf(place.kind),
                    static_cast<int>(place.least_bytes >> 20));
        return false;
    }
    return true;
}

}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_disk_space);

// pganalytics_disk_space returns a row for each directory.
Datum pganalytics_disk_space(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    InitMaterializedSRF(fcinfo, 0);
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    SPI_connect();
    FindTablespaces();
    SPI_finish();
    DiskPlace places[kMaxDiskPlaces];
    const int count = ReadDiskPlaces(places);
    for (int i = 0; i < count; ++i) {
        DiskPlace place = places[i];
        if (place.kind == DiskKind::kWal) place.free_bytes += ReusableWalBytes();
        Datum values[] = {CStringGetTextDatum(NameOf(place.kind)),
                          ObjectIdGetDatum(place.tablespace), Int64GetDatum(place.total_bytes),
                          Int64GetDatum(place.free_bytes), Int64GetDatum(place.least_bytes)};
        bool nulls[lengthof(values)] = {false, !OidIsValid(place.tablespace), false, false,
                                        place.least_bytes == 0};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

}  // extern "C"
