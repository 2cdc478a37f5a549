// Tests of messages: every message is read as it was written, and none is read from too few bytes.
#include "protocol/messages.hpp"
#include "protocol/courier_messages.hpp"
#include "protocol/refusals.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::protocol {
namespace {

// DecodeCopy decodes a heap copy of the exact size, so that a sanitizer sees any read behind it.
template <typename Message>
bool DecodeCopy(const std::string& payload, size_t size, Message* message) {
    const std::vector<char> copy(payload.begin(), payload.begin() + static_cast<long>(size));
    return DecodeWhole(copy.data(), copy.size(), message);
}

template <typename Message>
std::string PayloadOf(const Message& message) {
    std::string frame;
    AppendFrame(FrameType::kLog, 7, message, &frame);
    FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof(header));
    EXPECT_TRUE(IsValidHeader(header));
    EXPECT_EQ(header.request_id, 7u);
    EXPECT_EQ(header.payload_bytes, frame.size() - sizeof(header));
    return frame.substr(sizeof(header));
}

template <typename Message>
void ExpectEveryCutFails(const Message& sent) {
    const std::string payload = PayloadOf(sent);
    Message read;
    EXPECT_TRUE(DecodeCopy(payload, payload.size(), &read));
    for (size_t size = 0; size < payload.size(); ++size) {
        EXPECT_FALSE(DecodeCopy(payload, size, &read)) << size;
    }
    EXPECT_FALSE(DecodeCopy(payload + std::string(8, '\0'), payload.size() + 8, &read));
}

Push SamplePush() {
    Push push;
    push.collector_id.bytes[3] = 9;
    push.credential.token_sha256.bytes[31] = 8;
    push.has_sequence = 1;
    push.epoch = -1;
    push.sequence = INT64_MAX;
    push.observed = 15;
    push.unchanged = 7;
    push.merged = 5;
    push.too_large = 3;
    push.query_text_bytes = 102400;
    push.server_version = 150004;
    push.server_name = "prod-1";
    push.hostname = "db";
    push.collector_version = "3.2.0";
    push.unstored = R"({"types":{"sysstat":1}})";
    return push;
}

TEST(Messages, PushComesBack) {
    const std::string payload = PayloadOf(SamplePush());
    Push read;
    ASSERT_TRUE(DecodeWhole(payload.data(), payload.size(), &read));
    EXPECT_EQ(read.collector_id, SamplePush().collector_id);
    EXPECT_EQ(read.credential, SamplePush().credential);
    EXPECT_EQ(read.epoch, -1);
    EXPECT_EQ(read.sequence, INT64_MAX);
    EXPECT_EQ(read.observed, 15u);
    EXPECT_EQ(read.too_large, 3u);
    EXPECT_EQ(read.query_text_bytes, 102400u);
    EXPECT_EQ(read.server_version, 150004u);
    EXPECT_EQ(read.server_name, "prod-1");
    EXPECT_EQ(read.unstored, R"({"types":{"sysstat":1}})");
}

TEST(Messages, ReceiptComesBack) {
    Receipt sent;
    sent.status = 503;
    sent.sqlstate = {'5', '5', 'P', '0', '3', '\0'};
    sent.discarded = {3, 4, 5};
    sent.max_queries_per_db = 250;
    sent.commit_lsn = 0x123456789ABCDEF0;
    sent.detail = "Someone holds the lock.";
    const std::string payload = PayloadOf(sent);
    Receipt read;
    ASSERT_TRUE(DecodeWhole(payload.data(), payload.size(), &read));
    EXPECT_EQ(read.status, 503u);
    EXPECT_STREQ(read.sqlstate.data(), "55P03");
    EXPECT_EQ(read.discarded, sent.discarded);
    EXPECT_EQ(read.max_queries_per_db, 250u);
    EXPECT_EQ(read.commit_lsn, sent.commit_lsn);
    EXPECT_EQ(read.detail, "Someone holds the lock.");
}

TEST(Messages, EveryCutFails) {
    GatewayConfig config;
    config.cert_file = "/c";
    ExpectEveryCutFails(config);
    ExpectEveryCutFails(Drain{1, 1});
    ExpectEveryCutFails(Ready{1, 0, "ab"});
    ExpectEveryCutFails(Failed{"why"});
    ExpectEveryCutFails(LogLine{1, "line"});
    ExpectEveryCutFails(Counters{1, {2, 3, 4, 5, 6, 7, 8, 9}});
    ExpectEveryCutFails(AuthRequest{});
    ExpectEveryCutFails(AuthReply{403, 0, {}, "no"});
    ExpectEveryCutFails(HealthRequest{});
    ExpectEveryCutFails(HealthReply{200, "{}"});
    Identity identity;
    identity.trust = "{}";
    ExpectEveryCutFails(identity);
    EnrollRequest enroll;
    enroll.csr = "csr";
    ExpectEveryCutFails(enroll);
    EnrollReply enrolled;
    enrolled.certificate = "pem";
    ExpectEveryCutFails(enrolled);
    ExpectEveryCutFails(TokenRequest{});
    ExpectEveryCutFails(TokenReply{200, 0, 1, "a.b.c", ""});
    ApiRequest api;
    api.path = "/api/v1/auth/me";
    ExpectEveryCutFails(api);
    ExpectEveryCutFails(ApiReply{200, 0, "application/json", "{}", "a.csv", "/next"});
    ExpectEveryCutFails(Refused{RefusalKind::kTokenForged, 0, 7, {}, {}, "GET /"});
    CourierConfig courier;
    courier.smtp_relay = "localhost:25";
    courier.user_agent = "a";
    ExpectEveryCutFails(courier);
    Delivery delivery;
    delivery.url = "https://a/";
    delivery.body = "{}";
    ExpectEveryCutFails(delivery);
    ExpectEveryCutFails(Delivered{DeliveryOutcome::kDead, 404, 0, 0, "no"});
    ExpectEveryCutFails(SamplePush());
    ExpectEveryCutFails(Receipt{});
}

TEST(Messages, LengthOfAStringIsNotBelieved) {
    std::string payload = PayloadOf(Failed{"why"});
    for (const uint32_t length : {5u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
        std::memcpy(payload.data(), &length, sizeof(length));
        Failed read;
        EXPECT_FALSE(DecodeCopy(payload, payload.size(), &read)) << length;
    }
}

TEST(FrameHeaders, AreChecked) {
    const FrameHeader good{kFrameMagic, FrameType::kPush, kFrameVersion, 64, 1};
    EXPECT_TRUE(IsValidHeader(good));
    FrameHeader bad = good;
    bad.magic ^= 1;
    EXPECT_FALSE(IsValidHeader(bad));
    bad = good;
    bad.version = 2;
    EXPECT_FALSE(IsValidHeader(bad));
    bad = good;
    bad.payload_bytes = 65;
    EXPECT_FALSE(IsValidHeader(bad));
    bad.payload_bytes = kMaxPayloadBytes + 8;
    EXPECT_FALSE(IsValidHeader(bad));
}

}  // namespace
}  // namespace pganalytics::protocol
