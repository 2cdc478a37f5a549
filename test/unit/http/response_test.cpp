// Tests of responses and problem documents, byte for byte.
#include "http/response.hpp"

#include <gtest/gtest.h>

#include "http/problem.hpp"

namespace pganalytics::http {
namespace {

TEST(Response, IsWrittenWhole) {
    const Response response = JsonResponse(200, R"({"a":1})");
    EXPECT_EQ(
        Serialize(response, false, false, "D"),
        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
        "Cache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: no-referrer\r\nStrict-Transport-Security: max-age=31536000\r\n"
        "X-Content-Type-Options: nosniff\r\n\r\n{\"a\":1}");
    const std::string head = Serialize(response, true, true, "D");
    EXPECT_NE(head.find("Content-Length: 7\r\n"), std::string::npos);
    EXPECT_TRUE(head.ends_with("Connection: close\r\n\r\n"));
}

TEST(Response, DateIsAnImfFixdate) {
    EXPECT_EQ(HttpDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(HttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(Problem, HasTheMembersOfBothWorlds) {
    const Response response =
        Problem({422, "metrics[0].type: is \"missing\"", "metrics[0].type", "", 0});
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(response.body,
              R"({"type":"about:blank","title":"Unprocessable Content","status":422,)"
              R"("detail":"metrics[0].type: is \"missing\"","path":"metrics[0].type","code":422,)"
              R"("message":"Unprocessable Content","details":"metrics[0].type: is \"missing\""})");
    EXPECT_TRUE(response.headers.empty());
}

TEST(Problem, SaysWhenToComeAgain) {
    const Response busy = Problem({503, "busy", "", "55P03", 7});
    EXPECT_NE(busy.body.find(R"("sqlstate":"55P03")"), std::string::npos);
    EXPECT_EQ(busy.body.find("\"path\""), std::string::npos);
    ASSERT_EQ(busy.headers.size(), 1u);
    EXPECT_EQ(busy.headers[0], std::make_pair(std::string("Retry-After"), std::string("7")));
}

TEST(Response, EveryStatusInUseHasItsPhrase) {
    for (const int status :
         {200, 400, 403, 404, 405, 409, 413, 415, 417, 422, 429, 431, 500, 501, 503, 505}) {
        EXPECT_NE(ReasonPhrase(status), "") << status;
    }
}

}  // namespace
}  // namespace pganalytics::http
