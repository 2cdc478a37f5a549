// Tests of the request parser: it parses a request alike however its bytes arrive, and it is
// strict.
#include "http/request_parser.hpp"

#include <gtest/gtest.h>

namespace pganalytics::http {
namespace {

constexpr uint64_t kMaxBody = 1000;

// Feed gives the parser the text in pieces of `step` bytes, as a connection does. Returns the
// status of the refusal, 0 when the request is complete, or -1 when the parser waits for more.
int Feed(RequestParser* parser, std::string_view text, size_t step, std::string* rest = nullptr) {
    std::string input;
    while (true) {
        size_t taken = 0;
        const auto state = parser->Put(input, &taken);
        input.erase(0, taken);
        if (!state) return state.error().status;
        if (parser->done()) break;
        if (*state == RequestParser::State::kHeadDone && !input.empty()) continue;
        if (text.empty()) return -1;
        input.append(text.substr(0, step));
        text.remove_prefix(std::min(step, text.size()));
    }
    if (rest != nullptr) *rest = input + std::string(text);
    return 0;
}

int StatusOf(std::string_view text) {
    RequestParser parser(kMaxBody);
    return Feed(&parser, text, text.size());
}

std::string Get(std::string_view target, std::string_view fields = "") {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST(RequestParser, ReadsARequestInAnyPieces) {
    const std::string plain =
        "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\ncontent-length: "
        "5\r\n\r\nhello";
    const std::string chunked =
        "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n";
    for (const std::string& text : {plain, chunked}) {
        for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, text.size()}) {
            RequestParser parser(kMaxBody);
            std::string rest;
            ASSERT_EQ(Feed(&parser, text + "GET /", step, &rest), 0) << step;
            EXPECT_EQ(rest, "GET /");
            EXPECT_EQ(parser.method(), "POST");
            EXPECT_EQ(parser.path(), "/a/b");
            EXPECT_EQ(parser.query(), "c=d");
            EXPECT_EQ(parser.Header("authorization"), "Bearer t");
            EXPECT_EQ(parser.body().view(), "hello");
            EXPECT_TRUE(parser.keep_alive());
            EXPECT_TRUE(parser.has_body());
        }
    }
}

TEST(RequestParser, EmptyLinesBeforeARequestAreIgnored) {
    EXPECT_EQ(StatusOf("\r\n\r\n" + Get("/")), 0);
}

TEST(RequestParser, EveryCutWaitsForMore) {
    const std::string text =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (size_t size = 0; size < text.size(); ++size) {
        EXPECT_EQ(StatusOf(text.substr(0, size)), -1) << size;
    }
}

TEST(RequestParser, ExpectIsOnlyForBodies) {
    RequestParser with_body(kMaxBody);
    EXPECT_EQ(Feed(&with_body, Get("/", "Expect: 100-Continue\r\nContent-Length: 1\r\n"), 100), -1);
    EXPECT_TRUE(with_body.expects_continue());
    RequestParser without(kMaxBody);
    EXPECT_EQ(Feed(&without, Get("/", "Expect: 100-continue\r\n"), 100), 0);
    EXPECT_FALSE(without.expects_continue());
}

TEST(RequestParser, TargetForms) {
    RequestParser absolute(kMaxBody);
    EXPECT_EQ(Feed(&absolute, Get("HTTPS://host:8443/x?y"), 1000), 0);
    EXPECT_EQ(absolute.path(), "/x");
    EXPECT_EQ(absolute.query(), "y");
    RequestParser bare(kMaxBody);
    EXPECT_EQ(Feed(&bare, Get("http://host"), 1000), 0);
    EXPECT_EQ(bare.path(), "/");
    for (const char* target : {"x", "*", "ftp://h/x", "/a#b", "/\x7f", "/\xc3\xa9", "host:443",
                               "http:///x", "https://a@b/", "https://a:b/", "https://[::1/"}) {
        EXPECT_EQ(StatusOf(Get(target)), 400) << target;
    }
}

TEST(RequestParser, HostsAreChecked) {
    for (const char* host : {"", "a", "a:", "a:8443", "127.0.0.1:1", "db_1.example", "[::1]",
                             "[2001:db8::7]:8443", "%C3%A9", "a-b.c~d!$&'()*+,;="}) {
        EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 0) << host;
    }
    for (const char* host :
         {"a b",    "a/b",     "a@b",         "a?b", "a#b",  "a\\b",     "a\"b",        "<a>",
          "a:b",    "a:1:2",   "a:123456",    "::1", "[::1", "[]",       "[127.0.0.1]", "[g::]",
          "[::1]x", "[::1]:x", "[fe80::1%1]", "%C",  "%zz",  "\xc3\xa9", "a,b c"}) {
        EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 400)
            << host;
        EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nHost: " + std::string(host) + "\r\n\r\n"), 400)
            << host;
    }
}

TEST(RequestParser, LimitsAreExact) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
    EXPECT_EQ(StatusOf(head + "1000\r\n\r\n"), -1);
    EXPECT_EQ(StatusOf(head + "1001\r\n\r\n"), 413);
    EXPECT_EQ(StatusOf(head + "99999999999999999999\r\n\r\n"), 400);
    EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"),
              413);
    EXPECT_EQ(StatusOf(Get("/", "X: " + std::string(kMaxHeadBytes, 'x') + "\r\n")), 431);
    EXPECT_EQ(StatusOf(std::string(kMaxHeadBytes + 1, 'G')), 431);
    EXPECT_EQ(StatusOf(Get("/", "X: " + std::string(kMaxHeadBytes / 2, 'x') + "\r\n")), 0);
}

// A route that allows only small bodies refuses a larger one as soon as the head is complete.
TEST(RequestParser, BodyOfARouteIsBounded) {
    auto limited = [](const std::string& head, const std::string& body) {
        RequestParser parser(kMaxBody);
        size_t taken = 0;
        EXPECT_TRUE(parser.Put(head, &taken).ok());
        if (const auto status = parser.LimitBody(10); !status) return status.error().status;
        const auto state = parser.Put(body, &taken);
        return state ? 0 : state.error().status;
    };
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
    EXPECT_EQ(limited(head + "Content-Length: 10\r\n\r\n", "0123456789"), 0);
    EXPECT_EQ(limited(head + "Content-Length: 11\r\n\r\n", ""), 413);
    EXPECT_EQ(limited(head + "Transfer-Encoding: chunked\r\n\r\n", "a\r\n0123456789\r\n"), 0);
    EXPECT_EQ(limited(head + "Transfer-Encoding: chunked\r\n\r\n", "b\r\n"), 413);
    EXPECT_EQ(limited(head + "Transfer-Encoding: chunked\r\n\r\n", "9\r\n012345678\r\n2\r\n"), 413);
}

TEST(RequestParser, Refusals) {
    EXPECT_EQ(StatusOf(Get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Content-Length: 1\r\nContent-Length: 1\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Content-Length: 1, 1\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Content-Length: +1\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Content-Length:\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A: b\x01\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A: b\rc\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A: b\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A(b): c\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Transfer-Encoding: chunked, chunked\r\n")), 501);
    EXPECT_EQ(StatusOf(Get("/", "Transfer-Encoding: xchunked\r\n")), 501);
    EXPECT_EQ(StatusOf(Get("/", "A: b\r\n c\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A: b\r\n\tc\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A : b\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "A\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Host: b\r\n")), 400);
    EXPECT_EQ(StatusOf(Get("/", "Expect: tea\r\n")), 417);
    EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 0);
    EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    EXPECT_EQ(StatusOf("GET /\r\n\r\n"), 400);
    EXPECT_EQ(StatusOf("\x16\x03\x01\x02 / HTTP/1.1\r\n\r\n"), 400);
}

}  // namespace
}  // namespace pganalytics::http
