#include "protocol/accounts.hpp"

#include <algorithm>

namespace pganalytics::protocol {
namespace {

// kMaxCount limits each count of a push, so that sums over accounts stay far below 2^64.
constexpr uint64_t kMaxCount = INT32_MAX;

bool HasTwoOfAMetric(const RowBlock* blocks, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t j = 0; j < i; ++j) {
            if (blocks[i].metric == blocks[j].metric) return true;
        }
    }
    return false;
}

bool ReadAccount(const RowBlock& block, Row row, Account* account) {
    *account = {};
    account->database = block.Text(row.Word(kAccountDatabase));
    account->observed = row.Word(kAccountObserved);
    account->unchanged = row.Word(kAccountUnchanged);
    account->merged = row.Word(kAccountMerged);
    account->beyond_limit = row.Word(kAccountBeyondLimit);
    account->too_large = row.Word(kAccountTooLarge);
    account->queries = row.Word(kAccountQueries);
    // The other counts need no limit here, because AddsUp bounds them: `observed` is the sum of the
    // rows and these three, `queries` <= `observed`, and `beyond_limit` <= `merged`.
    return account->unchanged <= kMaxCount && account->merged <= kMaxCount &&
           account->too_large <= kMaxCount;
}

bool AddsUp(const Account& account) {
    return account.observed ==
               account.rows + account.unchanged + account.merged + account.too_large &&
           account.beyond_limit <= account.merged && account.beyond_limit <= account.queries &&
           account.samples <= account.queries && account.queries <= account.observed;
}

bool CountRows(const RowBlock& block, Account* accounts, uint32_t count) {
    AccountFinder finder(block, accounts, count);
    const bool samples = block.metric->id == MetricId::kQueryStats;
    for (uint32_t i = 0; i < block.rows; ++i) {
        const uint32_t place = finder.Find(block.At(i));
        if (place == count) return false;
        ++accounts[place].rows;
        if (samples) ++accounts[place].samples;
    }
    return true;
}

}  // namespace

const RowBlock* AccountsBlock(const RowBlock* blocks, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        if (blocks[i].metric->id == MetricId::kAccounts) return &blocks[i];
    }
    return nullptr;
}

bool CheckAccounts(const Push& push, const RowBlock* blocks, uint32_t count, Account* accounts,
                   const char** why) {
    *why = "push with two blocks of a metric";
    if (HasTwoOfAMetric(blocks, count)) return false;
    const RowBlock* const block = AccountsBlock(blocks, count);
    *why = "push without accounts";
    if (block == nullptr && push.observed > 0) return false;

    *why = "push whose accounts do not add up";
    const uint32_t places = block == nullptr ? 0 : block->rows;
    for (uint32_t i = 0; i < places; ++i) {
        if (!ReadAccount(*block, block->At(i), &accounts[i])) return false;
    }
    std::sort(accounts, accounts + places,
              [](const Account& a, const Account& b) { return a.database < b.database; });
    for (uint32_t i = 1; i < places; ++i) {
        if (accounts[i].database == accounts[i - 1].database) return false;
    }
    for (uint32_t i = 0; i < count; ++i) {
        if (&blocks[i] != block && !CountRows(blocks[i], accounts, places)) return false;
    }
    Account sum;
    for (uint32_t i = 0; i < places; ++i) {
        if (!AddsUp(accounts[i])) return false;
        sum.observed += accounts[i].observed;
        sum.unchanged += accounts[i].unchanged;
        sum.merged += accounts[i].merged;
        sum.too_large += accounts[i].too_large;
    }
    return sum.observed == push.observed && sum.unchanged == push.unchanged &&
           sum.merged == push.merged && sum.too_large == push.too_large;
}

uint32_t FindAccount(const Account* accounts, uint32_t count, std::string_view database) {
    const Account* const end = accounts + count;
    const Account* const found = std::lower_bound(
        accounts, end, database,
        [](const Account& account, std::string_view name) { return account.database < name; });
    return found != end && found->database == database ? static_cast<uint32_t>(found - accounts)
                                                       : count;
}

AccountFinder::AccountFinder(const RowBlock& block, const Account* accounts, uint32_t count)
    : block_(&block), accounts_(accounts), count_(count) {
    const auto& columns = block.metric->columns;
    for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].role == ColumnRole::kDatabase) column_ = static_cast<int>(i);
    }
    if (column_ < 0) place_ = FindAccount(accounts, count, "");
}

uint32_t AccountFinder::Search(Row row) {
    word_ = row.Word(static_cast<uint32_t>(column_));
    valid_ = true;
    place_ = FindAccount(accounts_, count_, block_->Text(word_));
    return place_;
}

}  // namespace pganalytics::protocol
