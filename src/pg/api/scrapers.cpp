// API scrapers: looks up a program's token by its hash, and returns the metrics in Prometheus text
// format.
#include "pg/api/scrapers.hpp"

#include "pg/api/events.hpp"
#include "pg/api/handlers.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "protocol/credential.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kTextFormat[] = "text/plain; version=0.0.4; charset=utf-8";

// Look up the token by its hash, so that the time of the look-up reveals nothing about the token.
Statement find_token = {
    "SELECT name, revoked_at IS NOT NULL, "
    "coalesce(last_used_at < pg_catalog.now() - interval '1 minute', true) "
    "FROM pganalytics.scrape_tokens WHERE token_sha256 = $1",
    1,
    {BYTEAOID},
    nullptr};
Statement note_use = {
    "UPDATE pganalytics.scrape_tokens SET last_used_at = pg_catalog.now() WHERE name = $1",
    1,
    {TEXTOID},
    nullptr};
Statement read_metrics = {"SELECT pganalytics.prometheus_metrics()", 0, {}, nullptr};

bool Refuse(ApiCall* call, protocol::RefusalKind kind, const char* why) {
    CountRefusedCall(*call, kind, "");
    RefuseCall(call, 401, why);
    return false;
}

}  // namespace

bool AdmitScraper(ApiCall* call) {
    const protocol::ApiRequest& request = *call->request;
    if (settings.metrics_access == static_cast<int>(protocol::MetricsAccess::kAnyone)) return true;
    if (protocol::IsZero(request.scrape_token)) {
        // Check the current setting, because the gateway may still use the former one.
        const bool asked_for_one = settings.metrics_client_ca_file[0] != '\0';
        if (request.scrape_certified != 0 && asked_for_one) return true;
        return Refuse(call, protocol::RefusalKind::kNothingShown,
                      "a bearer token or a client certificate is needed");
    }
    Datum hash[] = {DigestDatum(request.scrape_token)};
    Execute(&find_token, hash);
    if (SPI_processed != 1) {
        return Refuse(call, protocol::RefusalKind::kTokenUnknown, "the token is not known");
    }
    if (BoolOf(0, 2)) {
        return Refuse(call, protocol::RefusalKind::kTokenRevoked, "the token is revoked");
    }
    if (!BoolOf(0, 3)) return true;
    bool is_null = false;
    Datum name[] = {CellOf(0, 1, &is_null)};
    Execute(&note_use, name);
    return true;
}

void Metrics(ApiCall* call) {
    Execute(&read_metrics, nullptr);
    bool is_null = false;
    ReplyText(call, kTextFormat, TextDatumGetCString(CellOf(0, 1, &is_null)));
}

}  // namespace pganalytics::pg
