// Accounts: what became of the rows of a push, by database.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// Account counts rows. observed = rows in the blocks + unchanged + merged + too_large.
struct Account {
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t beyond_limit = 0;  // of the merged
    uint64_t too_large = 0;
    uint64_t queries = 0;  // of the observed: statistics of queries

    void Add(const Account& other);
};

class Accounts {
  public:
    // Of gives the account of a database, "" for what belongs to none. It stays where it is.
    Account& Of(std::string_view database);

    Account Total() const;

    // Block makes the rows of kAccounts: the databases of which something was observed, and in any
    // case what belongs to none.
    protocol::RowBuilder Block() const;

  private:
    std::map<std::string, Account, std::less<>> accounts_;
};

}  // namespace pganalytics::ingest
