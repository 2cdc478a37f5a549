// Audit object kinds: the words for PostgreSQL's types of objects.
#include "pg/audit/statements/objects.hpp"

namespace pganalytics::pg {

const char* KindOfObject(ObjectType type) {
    switch (type) {
        case OBJECT_ACCESS_METHOD:
            return "access method";
        case OBJECT_AGGREGATE:
            return "aggregate";
        case OBJECT_CAST:
            return "cast";
        case OBJECT_ATTRIBUTE:
        case OBJECT_COLUMN:
            return "column";
        case OBJECT_COLLATION:
            return "collation";
        case OBJECT_CONVERSION:
            return "conversion";
        case OBJECT_DATABASE:
            return "database";
        case OBJECT_DEFACL:
            return "default privileges";
        case OBJECT_DOMAIN:
            return "domain";
        case OBJECT_DOMCONSTRAINT:
        case OBJECT_TABCONSTRAINT:
            return "constraint";
        case OBJECT_EVENT_TRIGGER:
            return "event trigger";
        case OBJECT_EXTENSION:
            return "extension";
        case OBJECT_FDW:
            return "foreign-data wrapper";
        case OBJECT_FOREIGN_SERVER:
            return "foreign server";
        case OBJECT_FOREIGN_TABLE:
            return "foreign table";
        case OBJECT_FUNCTION:
            return "function";
        case OBJECT_INDEX:
            return "index";
        case OBJECT_LANGUAGE:
            return "language";
        case OBJECT_LARGEOBJECT:
            return "large object";
        case OBJECT_MATVIEW:
            return "materialized view";
        case OBJECT_OPCLASS:
            return "operator class";
        case OBJECT_OPERATOR:
            return "operator";
        case OBJECT_OPFAMILY:
            return "operator family";
        case OBJECT_PARAMETER_ACL:
            return "setting";
        case OBJECT_POLICY:
            return "policy";
        case OBJECT_PROCEDURE:
            return "procedure";
        case OBJECT_PUBLICATION:
            return "publication";
        case OBJECT_ROLE:
            return "role";
        case OBJECT_ROUTINE:
            return "routine";
        case OBJECT_RULE:
            return "rule";
        case OBJECT_SCHEMA:
            return "schema";
        case OBJECT_SEQUENCE:
            return "sequence";
        case OBJECT_SUBSCRIPTION:
            return "subscription";
        case OBJECT_STATISTIC_EXT:
            return "statistics";
        case OBJECT_TABLE:
            return "table";
        case OBJECT_TABLESPACE:
            return "tablespace";
        case OBJECT_TRANSFORM:
            return "transform";
        case OBJECT_TRIGGER:
            return "trigger";
        case OBJECT_TSCONFIGURATION:
            return "text search configuration";
        case OBJECT_TSDICTIONARY:
            return "text search dictionary";
        case OBJECT_TSPARSER:
            return "text search parser";
        case OBJECT_TSTEMPLATE:
            return "text search template";
        case OBJECT_TYPE:
            return "type";
        case OBJECT_USER_MAPPING:
            return "user mapping";
        case OBJECT_VIEW:
            return "view";
        default:
            return "object";
    }
}

}  // namespace pganalytics::pg
