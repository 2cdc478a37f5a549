// Audit DDL: finds the object of a statement that alters an object, or that is about an object in
// no schema (a database, an extension, a server). It never reads comments, labels, or the options
// of servers, user mappings and subscriptions.
#include "pg/audit/statements/ddl.hpp"

#include "pg/audit/statements/objects.hpp"

namespace pganalytics::pg {
namespace {

template <typename Stmt>
const Stmt* As(const Node* statement) {
    return reinterpret_cast<const Stmt*>(statement);
}

DdlTarget Existing(const char* kind, const RangeVar* relation) {
    return {kind, NameOfRelation(relation, Purpose::kFind)};
}

DdlTarget Named(const char* kind, const char* name) {
    return {kind, name == nullptr ? "" : quote_identifier(name)};
}

DdlTarget Object(ObjectType type, Node* object) {
    return {KindOfObject(type), NameOfObject(type, object)};
}

DdlTarget Listed(const char* kind, List* names) {
    return {kind, NameOfList(names, Purpose::kFind)};
}

DdlTarget Mapping(const RoleSpec* user, const char* server) {
    return {"user mapping",
            psprintf("%s at %s", quote_identifier(NameOfRole(user)), quote_identifier(server))};
}

DdlTarget OfRelationOr(ObjectType type, const RangeVar* relation, Node* object) {
    return relation == nullptr ? Object(type, object) : Existing(KindOfObject(type), relation);
}

DdlTarget RenamedOf(const RenameStmt* rename) {
    switch (rename->renameType) {
        case OBJECT_TRIGGER:
        case OBJECT_RULE:
        case OBJECT_POLICY:
        case OBJECT_TABCONSTRAINT:
        case OBJECT_COLUMN:
        case OBJECT_ATTRIBUTE:
            if (rename->relation == nullptr) break;
            return {KindOfObject(rename->renameType),
                    NameOfMember(rename->subname, rename->relation)};
        case OBJECT_DATABASE:
        case OBJECT_SCHEMA:
        case OBJECT_TABLESPACE:
            return Named(KindOfObject(rename->renameType), rename->subname);
        default:
            break;
    }
    return OfRelationOr(rename->renameType, rename->relation, rename->object);
}

bool TargetOfAlter(Node* statement, DdlTarget* target) {
    switch (nodeTag(statement)) {
        case T_AlterTableStmt:
            *target = Existing(KindOfObject(As<AlterTableStmt>(statement)->objtype),
                               As<AlterTableStmt>(statement)->relation);
            return true;
        case T_RenameStmt:
            *target = RenamedOf(As<RenameStmt>(statement));
            return true;
        case T_AlterObjectSchemaStmt:
            *target = OfRelationOr(As<AlterObjectSchemaStmt>(statement)->objectType,
                                   As<AlterObjectSchemaStmt>(statement)->relation,
                                   As<AlterObjectSchemaStmt>(statement)->object);
            return true;
        case T_AlterOwnerStmt:
            *target = OfRelationOr(As<AlterOwnerStmt>(statement)->objectType,
                                   As<AlterOwnerStmt>(statement)->relation,
                                   As<AlterOwnerStmt>(statement)->object);
            return true;
        case T_AlterObjectDependsStmt:
            *target = OfRelationOr(As<AlterObjectDependsStmt>(statement)->objectType,
                                   As<AlterObjectDependsStmt>(statement)->relation,
                                   As<AlterObjectDependsStmt>(statement)->object);
            return true;
        case T_AlterSeqStmt:
            *target = Existing("sequence", As<AlterSeqStmt>(statement)->sequence);
            return true;
        case T_AlterPolicyStmt:
            *target = {"policy", NameOfMember(As<AlterPolicyStmt>(statement)->policy_name,
                                              As<AlterPolicyStmt>(statement)->table)};
            return true;
        case T_AlterFunctionStmt:
            *target = Object(As<AlterFunctionStmt>(statement)->objtype,
                             reinterpret_cast<Node*>(As<AlterFunctionStmt>(statement)->func));
            return true;
        case T_AlterOperatorStmt:
            *target = Object(OBJECT_OPERATOR,
                             reinterpret_cast<Node*>(As<AlterOperatorStmt>(statement)->opername));
            return true;
        case T_AlterDomainStmt:
            *target = Listed("domain", As<AlterDomainStmt>(statement)->typeName);
            return true;
        case T_AlterEnumStmt:
            *target = Listed("type", As<AlterEnumStmt>(statement)->typeName);
            return true;
        case T_AlterTypeStmt:
            *target = Listed("type", As<AlterTypeStmt>(statement)->typeName);
            return true;
        case T_AlterStatsStmt:
            *target = Listed("statistics", As<AlterStatsStmt>(statement)->defnames);
            return true;
        case T_AlterOpFamilyStmt:
            *target = Listed("operator family", As<AlterOpFamilyStmt>(statement)->opfamilyname);
            return true;
        case T_AlterCollationStmt:
            *target = Listed("collation", As<AlterCollationStmt>(statement)->collname);
            return true;
        case T_AlterTSDictionaryStmt:
            *target =
                Listed("text search dictionary", As<AlterTSDictionaryStmt>(statement)->dictname);
            return true;
        case T_AlterTSConfigurationStmt:
            *target = Listed("text search configuration",
                             As<AlterTSConfigurationStmt>(statement)->cfgname);
            return true;
        case T_CommentStmt:
            *target =
                Object(As<CommentStmt>(statement)->objtype, As<CommentStmt>(statement)->object);
            return true;
        case T_SecLabelStmt:
            *target =
                Object(As<SecLabelStmt>(statement)->objtype, As<SecLabelStmt>(statement)->object);
            return true;
        default:
            return false;
    }
}

// TargetOfOther handles the statements about objects that are in no schema.
bool TargetOfOther(Node* statement, DdlTarget* target) {
    const auto named = [target](const char* kind, const char* name) {
        *target = Named(kind, name);
        return true;
    };
    switch (nodeTag(statement)) {
        case T_CreatedbStmt:
            return named("database", As<CreatedbStmt>(statement)->dbname);
        case T_DropdbStmt:
            return named("database", As<DropdbStmt>(statement)->dbname);
        case T_AlterDatabaseStmt:
            return named("database", As<AlterDatabaseStmt>(statement)->dbname);
        case T_CreateTableSpaceStmt:
            return named("tablespace", As<CreateTableSpaceStmt>(statement)->tablespacename);
        case T_DropTableSpaceStmt:
            return named("tablespace", As<DropTableSpaceStmt>(statement)->tablespacename);
        case T_AlterTableSpaceOptionsStmt:
            return named("tablespace", As<AlterTableSpaceOptionsStmt>(statement)->tablespacename);
        case T_AlterTableMoveAllStmt:
            return named("tablespace", As<AlterTableMoveAllStmt>(statement)->orig_tablespacename);
        case T_CreateExtensionStmt:
            return named("extension", As<CreateExtensionStmt>(statement)->extname);
        case T_AlterExtensionStmt:
            return named("extension", As<AlterExtensionStmt>(statement)->extname);
        case T_AlterExtensionContentsStmt:
            return named("extension", As<AlterExtensionContentsStmt>(statement)->extname);
        case T_CreateFdwStmt:
            return named("foreign-data wrapper", As<CreateFdwStmt>(statement)->fdwname);
        case T_AlterFdwStmt:
            return named("foreign-data wrapper", As<AlterFdwStmt>(statement)->fdwname);
        case T_CreateForeignServerStmt:
            return named("foreign server", As<CreateForeignServerStmt>(statement)->servername);
        case T_AlterForeignServerStmt:
            return named("foreign server", As<AlterForeignServerStmt>(statement)->servername);
        case T_ImportForeignSchemaStmt:
            return named("foreign server", As<ImportForeignSchemaStmt>(statement)->server_name);
        case T_CreateUserMappingStmt:
            *target = Mapping(As<CreateUserMappingStmt>(statement)->user,
                              As<CreateUserMappingStmt>(statement)->servername);
            return true;
        case T_AlterUserMappingStmt:
            *target = Mapping(As<AlterUserMappingStmt>(statement)->user,
                              As<AlterUserMappingStmt>(statement)->servername);
            return true;
        case T_DropUserMappingStmt:
            *target = Mapping(As<DropUserMappingStmt>(statement)->user,
                              As<DropUserMappingStmt>(statement)->servername);
            return true;
        case T_CreatePublicationStmt:
            return named("publication", As<CreatePublicationStmt>(statement)->pubname);
        case T_AlterPublicationStmt:
            return named("publication", As<AlterPublicationStmt>(statement)->pubname);
        case T_CreateSubscriptionStmt:
            return named("subscription", As<CreateSubscriptionStmt>(statement)->subname);
        case T_AlterSubscriptionStmt:
            return named("subscription", As<AlterSubscriptionStmt>(statement)->subname);
        case T_DropSubscriptionStmt:
            return named("subscription", As<DropSubscriptionStmt>(statement)->subname);
        case T_CreateEventTrigStmt:
            return named("event trigger", As<CreateEventTrigStmt>(statement)->trigname);
        case T_AlterEventTrigStmt:
            return named("event trigger", As<AlterEventTrigStmt>(statement)->trigname);
        case T_CreatePLangStmt:
            return named("language", As<CreatePLangStmt>(statement)->plname);
        case T_CreateAmStmt:
            return named("access method", As<CreateAmStmt>(statement)->amname);
        case T_DropOwnedStmt:
            *target = {"role", NamesOfRoles(As<DropOwnedStmt>(statement)->roles)};
            return true;
        case T_ReassignOwnedStmt:
            *target = {"role", NamesOfRoles(As<ReassignOwnedStmt>(statement)->roles)};
            return true;
        case T_LoadStmt:
            *target = {"library", As<LoadStmt>(statement)->filename};
            return true;
        default:
            return false;
    }
}

}  // namespace

bool TargetOfDdl(Node* statement, DdlTarget* target) {
    return TargetOfCreate(statement, target) || TargetOfAlter(statement, target) ||
           TargetOfOther(statement, target);
}

}  // namespace pganalytics::pg
