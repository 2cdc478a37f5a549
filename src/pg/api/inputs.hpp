// API inputs: reads the parameters and the body of a request as the table of routes describes them.
#pragma once

#include <initializer_list>
#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/api_routes.hpp"

namespace pganalytics::pg {

// ApiValue is the value of one input of a request. `text` is what the request has, decoded and
// NUL-terminated. If the request does not have the input, `text` is the input's default, or nullptr
// if there is no default. For kChoice it is spelt as in the table of routes.
struct ApiValue {
    const protocol::ApiInput* input;
    const char* text;
    bool is_null;  // the body has null for the input
    bool was_sent;
    int64 integer;
    float8 number;
    TimestampTz time;
    bool flag;
};

// ApiInputs has the values of all inputs of a route: first the parameters, then the fields of the
// body. It must be zero-initialized.
struct ApiInputs {
    ApiValue values[protocol::kMaxApiInputs];
    int count;

    // At returns the value of an input by its name. It raises ERROR XX000 if the route has no such
    // input.
    const ApiValue& At(const char* name) const;
};

// ReadParameters reads a query string. The string may have only the parameters of the route, each
// at most once. Returns 0 if it is valid. Otherwise returns 400, with one sentence in *why that
// names the parameter. Allocates in the current context.
uint32_t ReadParameters(std::string_view query, const protocol::ApiRoute& route, ApiInputs* inputs,
                        const char** why);

// ReadBody reads a body, which may have only the fields of the route. It returns 0 if the body is
// valid, 400 if it is no JSON, and 422 if a field is bad; *why then is one sentence. It raises
// ERROR 54001 if the body is nested too deeply, and 22003 if a number is out of range. It copies
// the body only into the current memory context, so that the caller can overwrite secrets in it.
uint32_t ReadBody(std::string_view body, const protocol::ApiRoute& route, ApiInputs* inputs,
                  const char** why);

// TakeArguments fills the arguments of a statement from inputs: values[i] and nulls[i] come from
// the input names[i]. The SQL types are text, bigint, double precision, boolean and timestamptz. A
// document is passed as text.
void TakeArguments(const ApiInputs& inputs, std::initializer_list<const char*> names, Datum* values,
                   bool* nulls);

// AppendParameter appends "name=value" to a query string, percent-encoded.
void AppendParameter(StringInfo out, const ApiValue& value);

}  // namespace pganalytics::pg
