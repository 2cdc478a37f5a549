// Tests of Answer: what the HTTP answer to a push means for that push.
#include "collector/push/answer.hpp"

#include <gtest/gtest.h>

#include "core/utf8.hpp"

namespace pganalytics::collector {
namespace {

Answer Of(int status, const std::string& body) {
    Answer answer;
    answer.status = status;
    answer.body = body;
    return answer;
}

TEST(Judge, OnlyTwoHundredIsStored) {
    EXPECT_EQ(Judge(200), Verdict::kStored);
    for (const int status : {201, 202, 204, 301, 302}) {
        EXPECT_EQ(Judge(status), Verdict::kRetry) << status;
    }
}

TEST(Judge, RefusalsForEver) {
    for (const int status : {400, 401, 409, 413, 415, 422}) {
        EXPECT_EQ(Judge(status), Verdict::kRefused) << status;
    }
}

TEST(Judge, WhatIsDeniedIsKept) {
    EXPECT_EQ(Judge(403), Verdict::kDenied);
    EXPECT_NE(Advice(Of(403, "")).find("enroll"), std::string::npos);
    Answer answer;
    answer.why = NoAnswer::kSenderRefused;
    EXPECT_NE(Advice(answer).find("enroll"), std::string::npos);
    answer.why = NoAnswer::kServerUnverified;
    EXPECT_NE(Advice(answer).find("nothing was sent"), std::string::npos);
    // The text of an error must not change the advice.
    answer = {};
    answer.error = "could not resolve host: certificate.example.org";
    EXPECT_EQ(Advice(answer), "");
    EXPECT_EQ(Advice(Of(503, "certificate")), "");
}

TEST(TrustVersion, IsWhatTheReceiptSays) {
    EXPECT_EQ(TrustVersion(Of(200, R"({"status":"success","trust_version":12})")), 12u);
    for (const char* none : {"", "{}", R"({"trust_version":"12"})", R"({"trust_version":-1})",
                             R"({"trust_version":1e300})", "[1]"}) {
        EXPECT_EQ(TrustVersion(Of(200, none)), std::nullopt) << none;
    }
}

TEST(Judge, EverythingElseIsTriedAgain) {
    for (const int status : {0, 404, 408, 425, 429, 500, 502, 503, 504}) {
        EXPECT_EQ(Judge(status), Verdict::kRetry) << status;
    }
}

TEST(Describe, QuotesTheProblemDocument) {
    EXPECT_EQ(Describe(Of(422, R"({"title":"bad value","detail":"metrics[0].queries[3].calls"})")),
              "HTTP status 422: bad value: metrics[0].queries[3].calls");
    EXPECT_EQ(Describe(Of(401, R"({"code":401,"message":"token expired"})")),
              "HTTP status 401: token expired");
}

TEST(Describe, CutsBetweenCharacters) {
    std::string wide;
    for (int i = 0; i < 400; ++i) wide += "\u20ac";
    for (const char* before : {"", "x", "xx"}) {
        EXPECT_TRUE(core::IsValidUtf8(Describe(Of(502, before + wide)))) << before;
        const std::string problem = R"({"title":")" + (before + wide) + R"("})";
        EXPECT_TRUE(core::IsValidUtf8(Describe(Of(422, problem)))) << before;
    }
}

TEST(Describe, CutsWhatIsNoProblemDocument) {
    EXPECT_EQ(Describe(Of(502, "")), "HTTP status 502");
    const std::string text = Describe(Of(502, std::string(5000, 'x')));
    EXPECT_EQ(text, "HTTP status 502: " + std::string(300, 'x'));
    Answer answer;
    answer.error = "connection refused";
    EXPECT_EQ(Describe(answer), "connection refused");
}

TEST(Discarded, NamesTheReasons) {
    EXPECT_EQ(
        Discarded(Of(200, R"({"rows":{"stored":5,"discarded":{"too_old":2,"in_future":1}}})")),
        "too_old 2, in_future 1");
    // The accounts by database, and members that a later server may add, change nothing.
    EXPECT_EQ(Discarded(Of(200, R"({"rows":{"stored":5,"merged":7,"beyond_limit":7,
        "discarded":{"too_old":0,"too_large":4}},
        "databases":{"shop":{"merged":7,"discarded":{"too_large":4}}},"limit":10})")),
              "too_large 4");
    EXPECT_EQ(Discarded(Of(200, R"({"rows":{"stored":5}})")), "");
    EXPECT_EQ(Discarded(Of(200, R"({"rows":{"discarded":{"too_old":-7}}})")), "");
    EXPECT_EQ(Discarded(Of(200, R"({"rows":[1,2]})")), "");
    EXPECT_EQ(Discarded(Of(200, "not json")), "");
}

}  // namespace
}  // namespace pganalytics::collector
