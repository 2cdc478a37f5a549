// Courier messages: the frames between the alerts worker and pganalytics-courier. The first frame
// is a CourierConfig, answered by Ready or Failed. Then a Delivered with the same request_id
// answers each Delivery, in any order.
#pragma once

#include "protocol/messages.hpp"

namespace pganalytics::protocol {

// CourierConfig is all settings of a courier; they never change while the courier lives.
struct CourierConfig {
    uint32_t connect_timeout_ms = 0;
    uint32_t timeout_ms = 0;         // of a whole delivery
    std::string_view allowed_hosts;  // pganalytics.alert_allowed_hosts (core/host_list.hpp)
    std::string_view ca_file;        // of authorities; "": those of the system
    std::string_view smtp_relay;     // host:port
    std::string_view mail_from;      // "": pganalytics at the name of the host
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
    std::string_view key;           // the same for the same notifications; nobody outside sees it
    std::string_view url;           // kHttp
    std::string_view secret;        // of the HMAC, or the bearer token
    std::string_view recipients;    // kMail: addresses, one per line
    std::string_view subject;       // kMail
    std::string_view content_type;  // kHttp
    std::string_view body;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.kind, m.authentication, m.key, m.url, m.secret, m.recipients, m.subject,
              m.content_type, m.body);
    }
};

// The longest payload of a Delivery, and how many deliveries a courier has at a time.
inline constexpr uint32_t kMaxDeliveryBytes = 16u << 20;
inline constexpr uint32_t kMaxDeliveriesInFlight = 16;

// DeliveryOutcome: kAgain may succeed later, kDead will not.
enum class DeliveryOutcome : uint32_t { kSent, kAgain, kDead };

struct Delivered {
    DeliveryOutcome outcome = DeliveryOutcome::kAgain;
    uint32_t status = 0;  // of HTTP or SMTP; 0: no answer
    uint32_t retry_after_s =
        0;  // as the receiver asks for, 0: it does not; at most kMaxRetryAfterS
    uint32_t reserved = 0;
    std::string_view message;  // why, or to whom, it was not sent; printable ASCII

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.outcome, m.status, m.retry_after_s, m.reserved, m.message);
    }
};
inline constexpr uint32_t kMaxRetryAfterS = 3600;
inline constexpr uint32_t kMaxDeliveredMessageBytes = 1000;

}  // namespace pganalytics::protocol
