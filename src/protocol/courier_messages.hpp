// Courier messages: the frames between the alerts worker and pganalytics-courier. The first frame
// is a CourierConfig, which the courier answers with Ready or Failed. Then the courier answers each
// Delivery with a Delivered that has the same request_id, in any order.
#pragma once

#include "protocol/messages.hpp"

namespace pganalytics::protocol {

// CourierConfig is all settings of a courier; they do not change while the courier runs.
struct CourierConfig {
    uint32_t connect_timeout_ms = 0;
    uint32_t timeout_ms = 0;         // for a whole delivery
    std::string_view allowed_hosts;  // pganalytics.alert_allowed_hosts (core/host_list.hpp)
    std::string_view ca_file;        // file of trusted authorities; "": those of the system
    std::string_view smtp_relay;     // host:port
    std::string_view mail_from;      // "": pganalytics@<host name>
    std::string_view user_agent;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.connect_timeout_ms, m.timeout_ms, m.allowed_hosts, m.ca_file, m.smtp_relay,
              m.mail_from, m.user_agent);
    }
};

enum class DeliveryKind : uint32_t { kHttp, kMail };
enum class Authentication : uint32_t { kNone, kHmac, kBearer };

// Delivery is one message to one receiver.
struct Delivery {
    DeliveryKind kind = DeliveryKind::kHttp;
    Authentication authentication = Authentication::kNone;
    std::string_view key;           // names the notifications; receivers do not see it
    std::string_view url;           // kHttp
    std::string_view secret;        // the key of the HMAC, or the bearer token
    std::string_view recipients;    // kMail: addresses, one per line
    std::string_view subject;       // kMail
    std::string_view content_type;  // kHttp
    std::string_view body;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.kind, m.authentication, m.key, m.url, m.secret, m.recipients, m.subject,
              m.content_type, m.body);
    }
};

// kMaxDeliveryBytes limits the payload of a Delivery; kMaxDeliveriesInFlight limits how many
// deliveries a courier has in progress.
inline constexpr uint32_t kMaxDeliveryBytes = 16u << 20;
inline constexpr uint32_t kMaxDeliveriesInFlight = 16;

// DeliveryOutcome says what became of a delivery. After kAgain, a retry may succeed. After kDead,
// no retry would succeed.
enum class DeliveryOutcome : uint32_t { kSent, kAgain, kDead };

struct Delivered {
    DeliveryOutcome outcome = DeliveryOutcome::kAgain;
    uint32_t status = 0;  // HTTP status or SMTP code of the answer; 0: no answer
    // How long the receiver asks to wait, at most kMaxRetryAfterS. 0: it does not ask.
    uint32_t retry_after_s = 0;
    uint32_t reserved = 0;
    std::string_view message;  // why it was not sent, or not to all recipients; printable ASCII

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.outcome, m.status, m.retry_after_s, m.reserved, m.message);
    }
};
inline constexpr uint32_t kMaxRetryAfterS = 3600;
inline constexpr uint32_t kMaxDeliveredMessageBytes = 1000;

}  // namespace pganalytics::protocol
