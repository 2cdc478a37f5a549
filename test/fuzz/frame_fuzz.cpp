// Fuzzes frames both ways: a decoded message is encoded to bytes that decode to the same message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "protocol/accounts.hpp"
#include "protocol/ca_messages.hpp"
#include "protocol/courier_messages.hpp"
#include "protocol/messages.hpp"
#include "protocol/refusals.hpp"
#include "protocol/rows.hpp"

namespace {

using namespace pganalytics;
using protocol::FrameType;

void Require(bool condition) {
    if (!condition) std::abort();
}

template <typename Message>
void RoundTrip(const char* payload, size_t size) {
    Message message;
    if (!protocol::DecodeWhole(payload, size, &message)) return;
    std::string first;
    protocol::AppendFrame(FrameType::kLog, 1, message, &first);
    Message again;
    Require(protocol::DecodeWhole(first.data() + sizeof(protocol::FrameHeader),
                                  first.size() - sizeof(protocol::FrameHeader), &again));
    std::string second;
    protocol::AppendFrame(FrameType::kLog, 1, again, &second);
    Require(first == second);
    // Padding bytes may differ, the length may not.
    Require(first.size() - sizeof(protocol::FrameHeader) == size);
}

// ReadRows reads every cell of a block that passed the check.
void ReadRows(const protocol::RowBlock& block) {
    uint64_t sum = 0;
    const auto columns = static_cast<uint32_t>(block.metric->columns.size());
    for (uint32_t i = 0; i < block.rows; ++i) {
        const protocol::Row row = block.At(i);
        for (uint32_t column = 0; column < columns; ++column) {
            if (row.IsNull(column)) {
                Require(row.Word(column) == 0 && !block.metric->columns[column].required);
            } else if (block.metric->columns[column].type == protocol::ColumnType::kText) {
                for (const char c : block.Text(row.Word(column))) {
                    Require(c != '\0');
                    sum += static_cast<unsigned char>(c);
                }
            }
        }
    }
    volatile uint64_t sink = sum;
    static_cast<void>(sink);
}

// CheckAccounts requires that accounts which pass the check cover every row of the push.
void CheckAccounts(const protocol::Push& push, const std::vector<protocol::RowBlock>& blocks) {
    if (blocks.size() > protocol::Catalog().size() + 1) return;
    const auto count = static_cast<uint32_t>(blocks.size());
    const protocol::RowBlock* const found = protocol::AccountsBlock(blocks.data(), count);
    std::vector<protocol::Account> accounts(found == nullptr ? 0 : found->rows);
    const char* why = nullptr;
    if (!protocol::CheckAccounts(push, blocks.data(), count, accounts.data(), &why)) {
        Require(why != nullptr);
        return;
    }
    uint64_t rows = 0;
    for (const protocol::RowBlock& block : blocks) rows += &block == found ? 0 : block.rows;
    for (const protocol::Account& account : accounts) rows -= account.rows;
    Require(rows == 0);
}

void ReadPush(const char* payload, size_t size) {
    core::ByteReader reader(payload, size);
    protocol::Push push;
    if (!protocol::Decode(&reader, &push)) return;
    std::vector<protocol::RowBlock> blocks;
    const char* why = nullptr;
    for (uint32_t i = 0; i < push.blocks; ++i) {
        protocol::RowBlock block;
        why = nullptr;
        if (!protocol::DecodeBlock(&reader, &block, &why)) {
            Require(why != nullptr);
            return;
        }
        ReadRows(block);
        blocks.push_back(block);
        // A head may claim any number of blocks without bytes; do not loop over those.
        if (reader.remaining() == 0 && i + 1 < push.blocks) return;
    }
    CheckAccounts(push, blocks);
}

// Copy decodes one message of several in a payload and encodes it again.
template <typename Message>
bool Copy(core::ByteReader* reader, core::ByteSink<std::string>* sink, Message* message) {
    if (!protocol::Decode(reader, message)) return false;
    protocol::Encode(*message, sink);
    return true;
}

template <typename Item>
bool CopyItems(core::ByteReader* reader, core::ByteSink<std::string>* sink, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        Item item;
        if (!Copy(reader, sink, &item)) return false;
    }
    return true;
}

bool CopyCaRequest(core::ByteReader* reader, core::ByteSink<std::string>* sink) {
    protocol::CaRequest head;
    if (!Copy(reader, sink, &head)) return false;
    const bool issue = head.operation == protocol::CaOperation::kIssue;
    return issue ? CopyItems<protocol::CaIssue>(reader, sink, head.items)
                 : CopyItems<protocol::CaRevoked>(reader, sink, head.items);
}

bool CopyCaReply(core::ByteReader* reader, core::ByteSink<std::string>* sink) {
    protocol::CaReply reply;
    return Copy(reader, sink, &reply) &&
           CopyItems<protocol::CaCertificate>(reader, sink, reply.certificates) &&
           CopyItems<protocol::CaList>(reader, sink, reply.lists);
}

// RoundTripItems is RoundTrip for messages between pganalytics-ca and its worker: a head with its
// items.
void RoundTripItems(bool (*copy)(core::ByteReader*, core::ByteSink<std::string>*),
                    const char* payload, size_t size) {
    core::ByteReader reader(payload, size);
    std::string first;
    core::ByteSink<std::string> sink(&first);
    if (!copy(&reader, &sink)) return;
    Require(first.size() == reader.position());
    core::ByteReader again(first.data(), first.size());
    std::string second;
    core::ByteSink<std::string> copied(&second);
    Require(copy(&again, &copied) && again.remaining() == 0);
    Require(first == second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // Decode in memory of the exact size, aligned as a frame's payload is.
    if (size < sizeof(protocol::FrameHeader)) return 0;
    protocol::FrameHeader header;
    std::memcpy(&header, data, sizeof(header));
    const size_t rest = size - sizeof(header);
    if (!protocol::IsValidHeader(header) || header.payload_bytes > rest) return 0;
    std::vector<uint64_t> words(header.payload_bytes / 8);
    if (!words.empty()) std::memcpy(words.data(), data + sizeof(header), header.payload_bytes);
    const char* payload = reinterpret_cast<const char*>(words.data());
    const size_t length = header.payload_bytes;
    switch (header.type) {
        case FrameType::kConfig:
            RoundTrip<protocol::GatewayConfig>(payload, length);
            break;
        case FrameType::kDrain:
            RoundTrip<protocol::Drain>(payload, length);
            break;
        case FrameType::kDraining:
            RoundTrip<protocol::Draining>(payload, length);
            break;
        case FrameType::kAuthReply:
            RoundTrip<protocol::AuthReply>(payload, length);
            break;
        case FrameType::kReceipt:
            RoundTrip<protocol::Receipt>(payload, length);
            break;
        case FrameType::kReady:
            RoundTrip<protocol::Ready>(payload, length);
            break;
        case FrameType::kFailed:
            RoundTrip<protocol::Failed>(payload, length);
            break;
        case FrameType::kLog:
            RoundTrip<protocol::LogLine>(payload, length);
            break;
        case FrameType::kCounters:
            RoundTrip<protocol::Counters>(payload, length);
            break;
        case FrameType::kRefused:
            RoundTrip<protocol::Refused>(payload, length);
            break;
        case FrameType::kAuthRequest:
            RoundTrip<protocol::AuthRequest>(payload, length);
            break;
        case FrameType::kHealthRequest:
            RoundTrip<protocol::HealthRequest>(payload, length);
            break;
        case FrameType::kHealthReply:
            RoundTrip<protocol::HealthReply>(payload, length);
            break;
        case FrameType::kIdentity:
            RoundTrip<protocol::Identity>(payload, length);
            break;
        case FrameType::kEnrollRequest:
            RoundTrip<protocol::EnrollRequest>(payload, length);
            break;
        case FrameType::kEnrollReply:
            RoundTrip<protocol::EnrollReply>(payload, length);
            break;
        case FrameType::kTokenRequest:
            RoundTrip<protocol::TokenRequest>(payload, length);
            break;
        case FrameType::kTokenReply:
            RoundTrip<protocol::TokenReply>(payload, length);
            break;
        case FrameType::kApiRequest:
            RoundTrip<protocol::ApiRequest>(payload, length);
            break;
        case FrameType::kApiReply:
            RoundTrip<protocol::ApiReply>(payload, length);
            break;
        case FrameType::kCaRequest:
            RoundTripItems(CopyCaRequest, payload, length);
            break;
        case FrameType::kCaReply:
            RoundTripItems(CopyCaReply, payload, length);
            break;
        case FrameType::kCourierConfig:
            RoundTrip<protocol::CourierConfig>(payload, length);
            break;
        case FrameType::kDelivery:
            RoundTrip<protocol::Delivery>(payload, length);
            break;
        case FrameType::kDelivered:
            RoundTrip<protocol::Delivered>(payload, length);
            break;
        case FrameType::kPush:
            RoundTrip<protocol::Push>(payload, length);
            ReadPush(payload, length);
            break;
    }
    return 0;
}
