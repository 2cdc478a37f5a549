// pganalytics-courier: delivers alerts to receivers on the network, so that no process of
// PostgreSQL connects to them. The alerts worker starts this program with a socket to the worker as
// descriptor 3, and sends the configuration in the first frame.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <exception>
#include <string>

#include "core/utf8.hpp"
#include "courier/config.hpp"
#include "courier/libraries.hpp"
#include "courier/link.hpp"
#include "courier/sandbox_rules.hpp"
#include "courier/sender.hpp"
#include "sandbox/process.hpp"
#include "sandbox/sandbox.hpp"

namespace pganalytics::courier {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;
using protocol::FrameType;

constexpr int kTurnMs = 1000;

// kAddressSpaceBytes is enough for sixteen deliveries of 16 MiB, for the encoded copy of each mail,
// and for a thread with its stack for each name lookup.
constexpr rlim_t kAddressSpaceBytes = rlim_t{2} << 30;
constexpr rlim_t kDescriptors = 256;
constexpr rlim_t kStackBytes = rlim_t{8} << 20;

void WaitFor(short events) {
    pollfd worker = {protocol::kWorkerFd, events, 0};
    poll(&worker, 1, -1);
}

Result<Config> ReadConfig(Link& link) {
    for (;;) {
        auto frame = link.Take();
        if (!frame) return frame.error();
        if (!frame->has_value()) {
            if (link.ended()) return Error{"the worker left before it sent a configuration"};
            WaitFor(POLLIN);
            continue;
        }
        protocol::CourierConfig received;
        const Frame& first = **frame;
        if (first.header.type != FrameType::kCourierConfig ||
            !protocol::DecodeWhole(first.payload.data(), first.payload.size(), &received)) {
            return Error{"the first frame is no configuration"};
        }
        return MakeConfig(received, sandbox::HostName());
    }
}

// Begin starts the delivery in a frame. Errors: the frame is no delivery, its request_id is in use,
// or too many deliveries are in progress.
Status Begin(Sender& sender, Frame frame) {
    Parcel parcel{std::move(frame.payload), {}};
    const bool good =
        frame.header.type == FrameType::kDelivery &&
        protocol::DecodeWhole(parcel.payload.data(), parcel.payload.size(), &parcel.delivery) &&
        parcel.delivery.kind <= protocol::DeliveryKind::kMail &&
        parcel.delivery.authentication <= protocol::Authentication::kBearer;
    if (!good) return Error{"the worker sent a frame that is no delivery"};
    if (sender.Has(frame.header.request_id) ||
        sender.in_flight() >= protocol::kMaxDeliveriesInFlight) {
        return Error{"the worker sent more deliveries than it may"};
    }
    sender.Begin(frame.header.request_id, std::move(parcel), std::time(nullptr));
    return Unit{};
}

// Deliver runs until the worker closes the socket. Then it drops the deliveries in progress,
// because nobody could receive their results.
Status Deliver(Link& link, Sender& sender) {
    for (;;) {
        for (;;) {
            auto frame = link.Take();
            if (!frame) return frame.error();
            if (!frame->has_value()) break;
            if (Status begun = Begin(sender, std::move(**frame)); !begun) return begun;
        }
        if (link.ended()) return Unit{};
        for (const Sender::Ended& one : sender.Step()) {
            std::string message = one.outcome.message;
            message.resize(std::min<size_t>(message.size(), protocol::kMaxDeliveredMessageBytes));
            link.Send(FrameType::kDelivered, one.request_id,
                      protocol::Delivered{one.outcome.outcome, one.outcome.status,
                                          one.outcome.retry_after_s, 0, message});
        }
        link.Flush();
        const int events = POLLIN | (link.has_unsent() ? POLLOUT : 0);
        sender.Wait(protocol::kWorkerFd, static_cast<short>(events), kTurnMs);
    }
}

int Main() {
    sandbox::PrepareProcess({protocol::kWorkerFd, true, true});
    Link link(protocol::kWorkerFd);
    auto fail = [&link](std::string message) {
        core::MakePrintable(message.data(), message.size());
        link.Send(FrameType::kFailed, 0, protocol::Failed{message});
        return 1;
    };
    if (!StartLibraries()) return fail("the libraries for connections cannot be initialised");
    const auto config = ReadConfig(link);
    if (!config) return fail(config.error().message);
    sandbox::LowerLimit(RLIMIT_NOFILE, kDescriptors);
    sandbox::LowerLimit(RLIMIT_STACK, kStackBytes);
    sandbox::LimitAddressSpace(kAddressSpaceBytes);
    Sender sender(*config);
    const auto sandboxed = sandbox::Enter(kSandbox);
    if (!sandboxed) return fail(sandboxed.error().message);
    link.Send(FrameType::kReady, 0, protocol::Ready{*sandboxed ? 1u : 0u, 0, {}});
    const Status done = Deliver(link, sender);
    if (done) return 0;
    std::fprintf(stderr, "pganalytics-courier: %s\n", done.error().message.c_str());
    return 1;
}

}  // namespace
}  // namespace pganalytics::courier

int main() {
    try {
        // Run no destructors and no exit handlers: those of libraries may use calls that the filter
        // does not allow.
        _exit(pganalytics::courier::Main());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pganalytics-courier: %s\n", error.what());
        _exit(1);
    }
}
