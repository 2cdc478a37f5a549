// json_stage measures the JSON stage alone, on one body of `rows` queries: our decoder; cJSON,
// parsed and walked over; and the former back end's way, parse, print and parse again. It measures
// CPU time in turns, so that a machine that slows down slows all three. With 0 turns it measures
// cJSON alone, once, in memory that the kernel must fetch first. Usage: json_stage ROWS TURNS
#include <cjson/cJSON.h>
#include <malloc.h>
#include <valgrind/callgrind.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bodies.hpp"
#include "core/buffer.hpp"
#include "core/clock.hpp"
#include "ingest/decode.hpp"
#include "timing.hpp"

namespace pganalytics::bench {
namespace {

using Json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

Json Parse(const char* text, size_t size) {
    Json document(cJSON_ParseWithLength(text, size), &cJSON_Delete);
    if (!document) throw std::runtime_error("cJSON does not take the body");
    return document;
}

// Walk touches every value once; finding keys, which a reader of rows must, is not in it.
double Walk(const cJSON* node) {
    double sum = 0;
    for (; node != nullptr; node = node->next) {
        if (cJSON_IsNumber(node)) sum += node->valuedouble;
        if (cJSON_IsString(node)) sum += node->valuestring[0];
        if (node->child != nullptr) sum += Walk(node->child);
    }
    return sum;
}

double ParseTwice(const core::Buffer& body) {
    const Json once = Parse(body.data(), body.size());
    const std::unique_ptr<char, decltype(&std::free)> printed(cJSON_PrintUnformatted(once.get()),
                                                              &std::free);
    if (!printed) throw std::bad_alloc();
    const std::string_view text(printed.get());
    return Walk(Parse(text.data(), text.size()).get());
}

// Milliseconds runs a stage. Under callgrind its instructions become a file that says its name.
template <typename Stage>
double Milliseconds(const char* name, const Stage& stage) {
    CALLGRIND_ZERO_STATS;
    const double before = CpuSeconds(0);
    stage();
    const double after = CpuSeconds(0);
    CALLGRIND_DUMP_STATS_AT(name);
    return 1000 * (after - before);
}

// Least is what a stage costs when nothing disturbs it: it waits for nothing and takes
// milliseconds, so that some turns always have the processor and its caches to themselves.
double Least(const std::vector<double>& values) {
    return *std::min_element(values.begin(), values.end());
}

void Run(int64_t rows, int turns) {
    const core::Buffer body(
        FullBody("00000000-0000-4000-8000-000000000001", rows, 1, core::SystemClock().Now()));
    volatile double kept = 0;
    const auto read_by_cjson = [&] { kept = kept + Walk(Parse(body.data(), body.size()).get()); };
    if (turns == 0) {
        std::printf("{\"cjson_new_memory_ms\": %.4f}\n", Milliseconds("cjson", read_by_cjson));
        return;
    }
    ingest::Decoder decoder(1);
    std::vector<double> ours;
    std::vector<double> cjson;
    std::vector<double> twice;
    for (int turn = 0; turn <= turns; ++turn) {
        const double our_ms = Milliseconds("decoder", [&] {
            const auto push = decoder.Decode(body.view(), 0);
            if (!push.ok()) throw std::runtime_error("the decoder does not take the body");
            kept = kept + static_cast<double>(push.value().observed);
        });
        const double cjson_ms = Milliseconds("cjson", read_by_cjson);
        const double twice_ms = Milliseconds("twice", [&] { kept = kept + ParseTwice(body); });
        if (turn == 0) continue;  // the first turn still gets memory from the kernel
        ours.push_back(our_ms);
        cjson.push_back(cjson_ms);
        twice.push_back(twice_ms);
    }
    std::printf(
        "{\"bytes\": %zu, \"decoder_ms\": %.4f, \"cjson_ms\": %.4f, \"parsed_twice_ms\": %.4f}\n",
        body.size(), Least(ours), Least(cjson), Least(twice));
}

}  // namespace
}  // namespace pganalytics::bench

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: json_stage ROWS TURNS\n");
        return 2;
    }
    // Freed memory stays, as in the gateway: fetching pages from the kernel is not the stage.
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    try {
        pganalytics::bench::Run(std::stoll(argv[1]), std::stoi(argv[2]));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "json_stage: %s\n", error.what());
        return 1;
    }
}
