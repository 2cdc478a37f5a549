// API inputs: reads the parameters and the body of a request by the table of routes.
#pragma once

#include <initializer_list>
#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/api_routes.hpp"

namespace pganalytics::pg {

// ApiValue is the value of an input in a request. `text` is what was sent, decoded and
// NUL-terminated, or the default; nullptr if there is neither. For kChoice it has the spelling of
// the table.
struct ApiValue {
    const protocol::ApiInput* input;
    const char* text;
    bool is_null;  // the body has it as null
    bool was_sent;
    int64 integer;
    float8 number;
    TimestampTz time;
    bool flag;
};

// ApiInputs are the values of a route, parameters before body fields. Must be zero-initialized.
struct ApiInputs {
    ApiValue values[protocol::kMaxApiInputs];
    int count;

    // At returns the value of an input by its name. ERROR XX000 if the route has no such input.
    const ApiValue& At(const char* name) const;
};

// ReadParameters reads a query string. It may have only the parameters of its route, each at most
// once. Returns 0, or the status of the refusal with one sentence in *why that names the parameter.
// It allocates in the current context.
uint32_t ReadParameters(std::string_view query, const protocol::ApiRoute& route, ApiInputs* inputs,
                        const char** why);

// ReadBody reads the body of a route that takes one; otherwise as ReadParameters. The body may be
// secret: copies of it are only in the current memory context. ERROR 54001 if it is nested too
// deeply, 22003 for a number out of range.
uint32_t ReadBody(std::string_view body, const protocol::ApiRoute& route, ApiInputs* inputs,
                  const char** why);

// TakeArguments fills the arguments of a statement from inputs: values[i] and nulls[i] for the i-th
// name. Types are text, bigint, double precision, boolean and timestamptz; a document is text.
void TakeArguments(const ApiInputs& inputs, std::initializer_list<const char*> names, Datum* values,
                   bool* nulls);

// AppendParameter writes "name=value" for a query string, percent-encoded.
void AppendParameter(StringInfo out, const ApiValue& value);

}  // namespace pganalytics::pg
