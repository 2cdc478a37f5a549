// Disk space: the free space of the directories that a push writes to, and whether it suffices.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

enum class DiskKind { kData, kWal, kTablespace };

// DiskPlace is one of these directories. If it cannot be examined, it is left out.
struct DiskPlace {
    DiskKind kind;
    Oid tablespace;     // of kTablespace
    int64 total_bytes;  // of its file system
    int64 free_bytes;
    int64 least_bytes;  // below this much free space pushes are refused; 0: they never are
};

inline constexpr int kMaxDiskPlaces = 16;

// ReadDiskPlaces examines the directories now and returns their number.
// REQUIRES: FindTablespaces was called; `places` has room for kMaxDiskPlaces.
int ReadDiskPlaces(DiskPlace* places);

// ReusableWalBytes returns the size of the WAL segments that a checkpoint has kept for later use.
// They count as free.
int64 ReusableWalBytes();

// FindTablespaces looks for the tablespaces of our tables. Others know them only by their OIDs, so
// look again now and then. REQUIRES: a transaction, with SPI connected.
void FindTablespaces();

// DiskHasRoom: the directories have room for what this worker and the others are storing
// (storing_bytes of their rows). Otherwise `why` says what is short of space. If space for WAL is
// short and a checkpoint would free some, DiskHasRoom asks for one. Raises no ERROR.
// REQUIRES: no transaction in progress; SharedMemoryReady().
bool DiskHasRoom(char* why, size_t why_size);

}  // namespace pganalytics::pg
