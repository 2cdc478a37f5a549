#include "ingest/accounts.hpp"

namespace pganalytics::ingest {

void Account::Add(const Account& other) {
    observed += other.observed;
    unchanged += other.unchanged;
    merged += other.merged;
    beyond_limit += other.beyond_limit;
    too_large += other.too_large;
    queries += other.queries;
}

Account& Accounts::Of(std::string_view database) {
    const auto found = accounts_.find(database);
    if (found != accounts_.end()) return found->second;
    return accounts_.try_emplace(std::string(database)).first->second;
}

Account Accounts::Total() const {
    Account total;
    for (const auto& [database, account] : accounts_) total.Add(account);
    return total;
}

protocol::RowBuilder Accounts::Block() const {
    protocol::RowBuilder block(*protocol::FindMetric(protocol::MetricId::kAccounts));
    auto add = [&block](std::string_view database, const Account& account) {
        block.StartRow();
        block.SetWord(protocol::kAccountDatabase, block.AddText(database));
        block.SetWord(protocol::kAccountObserved, account.observed);
        block.SetWord(protocol::kAccountUnchanged, account.unchanged);
        block.SetWord(protocol::kAccountMerged, account.merged);
        block.SetWord(protocol::kAccountBeyondLimit, account.beyond_limit);
        block.SetWord(protocol::kAccountTooLarge, account.too_large);
        block.SetWord(protocol::kAccountQueries, account.queries);
    };
    if (!accounts_.contains("")) add("", Account());
    for (const auto& [database, account] : accounts_) {
        if (database.empty() || account.observed != 0) add(database, account);
    }
    return block;
}

}  // namespace pganalytics::ingest
