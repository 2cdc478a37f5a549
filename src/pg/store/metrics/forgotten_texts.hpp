// Forgotten texts: keeps texts away that an administrator has removed with forget_query_text().
#pragma once

#include "pg/store/metrics/metric_table.hpp"

namespace pganalytics::pg {

// DropForgotten sets the cells of the set to NULL that hold a text of a statement whose hash is in
// forgotten_texts. Query texts are no cells: the statement that adds them looks itself.
// ERROR 55P03 after lock_timeout. REQUIRES: SPI connected.
void DropForgotten(const protocol::Metric& metric, const MetricTable& table, RowSet* set);

}  // namespace pganalytics::pg
