// Audit DDL: finds the object that a statement creates. It never reads options, bodies or defaults.
#include "pg/audit/statements/ddl.hpp"

#include "pg/audit/statements/objects.hpp"

namespace pganalytics::pg {
namespace {

template <typename Stmt>
const Stmt* As(const Node* statement) {
    return reinterpret_cast<const Stmt*>(statement);
}

DdlTarget Created(const char* kind, const RangeVar* relation) {
    return {kind, NameOfRelation(relation, Purpose::kCreate)};
}

DdlTarget Listed(const char* kind, List* names) {
    return {kind, NameOfList(names, Purpose::kCreate)};
}

DdlTarget IndexOf(const IndexStmt* index) {
    // An index is in the schema of its table. If the statement does not name the index, PostgreSQL
    // chooses its name only when the statement runs, so the target is the table.
    if (index->idxname == nullptr) {
        const char* const table = NameOfRelation(index->relation, Purpose::kFind);
        return {"index", table == nullptr ? nullptr : psprintf("on %s", table)};
    }
    return {"index", NameOfMember(index->idxname, index->relation)};
}

DdlTarget SchemaOf(const CreateSchemaStmt* create) {
    // CREATE SCHEMA AUTHORIZATION names the schema after its owner.
    return {"schema",
            quote_identifier(create->schemaname != nullptr ? create->schemaname
                                                           : NameOfRole(create->authrole))};
}

}  // namespace

bool TargetOfCreate(Node* statement, DdlTarget* target) {
    switch (nodeTag(statement)) {
        case T_CreateStmt:
            *target = Created("table", As<CreateStmt>(statement)->relation);
            return true;
        case T_CreateForeignTableStmt:
            *target =
                Created("foreign table", As<CreateForeignTableStmt>(statement)->base.relation);
            return true;
        case T_CreateTableAsStmt:
            *target = Created(KindOfObject(As<CreateTableAsStmt>(statement)->objtype),
                              As<CreateTableAsStmt>(statement)->into->rel);
            return true;
        case T_ViewStmt:
            *target = Created("view", As<ViewStmt>(statement)->view);
            return true;
        case T_CreateSeqStmt:
            *target = Created("sequence", As<CreateSeqStmt>(statement)->sequence);
            return true;
        case T_CompositeTypeStmt:
            *target = Created("type", As<CompositeTypeStmt>(statement)->typevar);
            return true;
        case T_IndexStmt:
            *target = IndexOf(As<IndexStmt>(statement));
            return true;
        case T_CreateSchemaStmt:
            *target = SchemaOf(As<CreateSchemaStmt>(statement));
            return true;
        case T_CreateFunctionStmt:
            *target = {As<CreateFunctionStmt>(statement)->is_procedure ? "procedure" : "function",
                       NameOfFunction(As<CreateFunctionStmt>(statement))};
            return true;
        case T_CreateTrigStmt:
            *target = {"trigger", NameOfMember(As<CreateTrigStmt>(statement)->trigname,
                                               As<CreateTrigStmt>(statement)->relation)};
            return true;
        case T_CreatePolicyStmt:
            *target = {"policy", NameOfMember(As<CreatePolicyStmt>(statement)->policy_name,
                                              As<CreatePolicyStmt>(statement)->table)};
            return true;
        case T_RuleStmt:
            *target = {"rule", NameOfMember(As<RuleStmt>(statement)->rulename,
                                            As<RuleStmt>(statement)->relation)};
            return true;
        case T_DefineStmt:
            *target = Listed(KindOfObject(As<DefineStmt>(statement)->kind),
                             As<DefineStmt>(statement)->defnames);
            return true;
        case T_CreateEnumStmt:
            *target = Listed("type", As<CreateEnumStmt>(statement)->typeName);
            return true;
        case T_CreateRangeStmt:
            *target = Listed("type", As<CreateRangeStmt>(statement)->typeName);
            return true;
        case T_CreateDomainStmt:
            *target = Listed("domain", As<CreateDomainStmt>(statement)->domainname);
            return true;
        case T_CreateStatsStmt:
            *target = Listed("statistics", As<CreateStatsStmt>(statement)->defnames);
            return true;
        case T_CreateConversionStmt:
            *target = Listed("conversion", As<CreateConversionStmt>(statement)->conversion_name);
            return true;
        case T_CreateOpClassStmt:
            *target = Listed("operator class", As<CreateOpClassStmt>(statement)->opclassname);
            return true;
        case T_CreateOpFamilyStmt:
            *target = Listed("operator family", As<CreateOpFamilyStmt>(statement)->opfamilyname);
            return true;
        case T_CreateCastStmt:
            *target = {"cast",
                       psprintf("%s, %s", TypeNameOf(As<CreateCastStmt>(statement)->sourcetype),
                                TypeNameOf(As<CreateCastStmt>(statement)->targettype))};
            return true;
        case T_CreateTransformStmt:
            *target = {"transform", TypeNameOf(As<CreateTransformStmt>(statement)->type_name)};
            return true;
        default:
            return false;
    }
}

}  // namespace pganalytics::pg
