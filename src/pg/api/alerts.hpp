// API alerts: what people see of alerts, and what they do about them.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// GET /api/v1/alerts and /alerts/{id}; POST and DELETE /alerts/{id}/acknowledge; POST
// /alerts/{id}/silence.
void Alerts(ApiCall* call);
void Alert(ApiCall* call);
void AcknowledgeAlert(ApiCall* call);
void UnacknowledgeAlert(ApiCall* call);
void SilenceAlert(ApiCall* call);

// GET and POST /api/v1/silences; DELETE /silences/{id}.
void Silences(ApiCall* call);
void CreateSilence(ApiCall* call);
void EndSilence(ApiCall* call);

// GET /api/v1/alert-rules; GET and PUT /alert-rules/{name}.
void AlertRules(ApiCall* call);
void AlertRule(ApiCall* call);
void ChangeAlertRule(ApiCall* call);

}  // namespace pganalytics::pg
