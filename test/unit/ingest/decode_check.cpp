// decode_check reads documents from standard input, each as a length in decimal, a line feed and
// its bytes, and writes a line for each: the status and the message, or "200".
#include <cstdio>
#include <iostream>
#include <string>

#include "core/buffer.hpp"
#include "ingest/decode.hpp"

int main() {
    pganalytics::ingest::Decoder decoder(11);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::string text(std::stoul(line), '\0');
        if (!std::cin.read(text.data(), static_cast<std::streamsize>(text.size()))) return 1;
        const pganalytics::core::Buffer body(text);
        const auto push = decoder.Decode(body.view(), 0);
        std::cout << (push ? "200"
                           : std::to_string(push.error().status) + " " + push.error().message)
                  << std::endl;
    }
}
