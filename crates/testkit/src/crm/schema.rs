//! The demo database's schema.

use super::words::*;
use crate::bacpac::{
    ColumnSpec, DatabaseSpec, Description, ForeignKeySpec, IndexSpec, ProcedureSpec, ReferentialAction,
    SequenceSpec, SqlType, TableSpec, TriggerEvents, TriggerSpec, ViewSpec,
};
use SqlType::*;

/// Tokens compare byte for byte, whatever the database's collation.
const BINARY: &str = "Latin1_General_100_BIN2";

/// The first number of an interaction.
pub(super) const FIRST_INTERACTION: i64 = 1000;

/// The first number of a contract.
pub(super) const FIRST_CONTRACT: i64 = 5001;

/// The schema.
pub fn database() -> DatabaseSpec {
    let mut database = DatabaseSpec::new("FoodServiceCrm").sequence(SequenceSpec {
        schema: "dbo".into(),
        name: "ContractNumber".into(),
        ty: BigInt,
        start: FIRST_CONTRACT,
        increment: 1,
        minimum: None,
        maximum: None,
        cycle: false,
        current: Some(FIRST_CONTRACT + super::table_rows("Contract") as i64 - 1),
    });
    for table in [
        user(),
        account(),
        session(),
        verification_token(),
        organization(),
        contact(),
        opportunity(),
        interaction(),
        lead(),
        contract(),
    ] {
        database = database.table(table);
    }
    modules(database)
}

fn text(n: u16) -> SqlType {
    NVarChar(Some(n))
}

fn id(table: &str, default: &str) -> ColumnSpec {
    ColumnSpec::new("id", UniqueIdentifier)
        .not_null()
        .default(&format!("{table}_id_df"), default)
}

fn created(table: &str) -> ColumnSpec {
    ColumnSpec::new("createdAt", DateTime2(7))
        .not_null()
        .default(&format!("{table}_createdAt_df"), "(sysutcdatetime())")
}

fn updated() -> ColumnSpec {
    ColumnSpec::new("updatedAt", DateTime2(7)).not_null()
}

fn key(table: &str, column: &str, target: &str) -> ForeignKeySpec {
    ForeignKeySpec::new(
        &format!("{table}_{column}_fkey"),
        &[column],
        "dbo",
        target,
        &["id"],
    )
}

/// A check as the server's catalog repeats it: alternatives, last one first.
fn alternatives(column: &str, values: &[&str]) -> String {
    let parts: Vec<_> = values
        .iter()
        .rev()
        .map(|value| format!("[{column}]=N'{value}'"))
        .collect();
    format!("({})", parts.join(" OR "))
}

/// A check as a person writes it.
fn one_of(column: &str, values: &[&str]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("N'{value}'")).collect();
    format!("([{column}] IN ({}))", values.join(", "))
}

fn user() -> TableSpec {
    TableSpec::new("dbo", "User")
        .description("People who sign in. Sales representatives own organizations and opportunities.")
        .column(id("User", "(newid())"))
        .column(ColumnSpec::new("name", text(120)).description("The name as its owner writes it."))
        .column(
            ColumnSpec::new("email", text(255))
                .not_null()
                .description("Unique, whatever the case."),
        )
        .column(ColumnSpec::new("emailVerified", DateTime2(7)))
        .column(ColumnSpec::new("image", text(500)))
        .column(
            ColumnSpec::new("avatar", VarBinary(None)).description("A small picture, if one was uploaded."),
        )
        .column(
            ColumnSpec::new("role", text(20))
                .not_null()
                .default("User_role_df", "(N'SALES_REP')"),
        )
        .column(
            ColumnSpec::new("isActive", Bit)
                .not_null()
                .default("User_isActive_df", "((1))"),
        )
        .column(ColumnSpec::new("hourlyRate", SmallMoney))
        .column(
            ColumnSpec::new("locale", VarChar(Some(10)))
                .not_null()
                .default("User_locale_df", "('en-US')"),
        )
        .column(ColumnSpec::new("lastLoginAt", DateTimeOffset(7)))
        .column(created("User"))
        .column(updated())
        .column(ColumnSpec::new("rowVersion", Timestamp).not_null())
        .primary_key("User_pkey", &["id"])
        .unique("User_email_key", &["email"])
        .check("User_role_check", &alternatives("role", ROLES))
        .index(IndexSpec::new("User_role_isActive_idx", &["role", "isActive"]))
        .index(IndexSpec::new("User_lastLoginAt_idx", &["-lastLoginAt"]))
        .index(
            IndexSpec::new("User_name_active_idx", &["name"])
                .include(&["email"])
                .filter("([isActive]=(1))"),
        )
}

fn account() -> TableSpec {
    TableSpec::new("dbo", "Account")
        .description("A user's identities at sign-in providers.")
        .column(id("Account", "(newid())"))
        .column(ColumnSpec::new("userId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("type", text(40)).not_null())
        .column(ColumnSpec::new("provider", text(60)).not_null())
        .column(
            ColumnSpec::new("providerAccountId", text(120))
                .not_null()
                .collation(BINARY),
        )
        .column(ColumnSpec::new("refresh_token", NVarChar(None)))
        .column(ColumnSpec::new("access_token", NVarChar(None)))
        .column(ColumnSpec::new("expires_at", Int).description("Seconds since 1970-01-01."))
        .column(ColumnSpec::new("token_type", text(40)))
        .column(ColumnSpec::new("scope", text(400)))
        .column(ColumnSpec::new("session_state", text(255)))
        .primary_key("Account_pkey", &["id"])
        .foreign_key(key("Account", "userId", "User").on_delete(ReferentialAction::Cascade))
        .check("Account_provider_check", &alternatives("provider", PROVIDERS))
        .index(
            IndexSpec::new(
                "Account_provider_providerAccountId_key",
                &["provider", "providerAccountId"],
            )
            .unique(),
        )
        .index(IndexSpec::new("Account_userId_idx", &["userId"]))
}

fn session() -> TableSpec {
    TableSpec::new("dbo", "Session")
        .description("Open browser sessions.")
        .column(id("Session", "(newid())"))
        .column(
            ColumnSpec::new("sessionToken", text(255))
                .not_null()
                .collation(BINARY),
        )
        .column(ColumnSpec::new("userId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("expires", DateTime2(7)).not_null())
        .column(ColumnSpec::new("ipAddress", VarChar(Some(45))))
        .column(ColumnSpec::new("userAgent", text(400)))
        .primary_key("Session_pkey", &["id"])
        .unique("Session_sessionToken_key", &["sessionToken"])
        .foreign_key(key("Session", "userId", "User").on_delete(ReferentialAction::Cascade))
        .index(IndexSpec::new("Session_userId_idx", &["userId"]))
        .index(IndexSpec::new("Session_expires_idx", &["-expires"]))
}

fn verification_token() -> TableSpec {
    TableSpec::new("dbo", "VerificationToken")
        .description("One-time tokens of sign-in mails. The table has no primary key.")
        .column(ColumnSpec::new("identifier", text(255)).not_null())
        .column(ColumnSpec::new("token", text(255)).not_null().collation(BINARY))
        .column(ColumnSpec::new("expires", DateTime2(7)).not_null())
        .unique("VerificationToken_token_key", &["token"])
        .unique("VerificationToken_identifier_token_key", &["identifier", "token"])
        .index(IndexSpec::new("VerificationToken_expires_idx", &["expires"]))
}

fn organization() -> TableSpec {
    TableSpec::new("dbo", "Organization")
        .description("Restaurants, hotels, caterers and the groups that own them.")
        .column(id("Organization", "(newsequentialid())"))
        .column(ColumnSpec::new("ParentId", UniqueIdentifier).description("The group it belongs to."))
        .column(
            ColumnSpec::new("externalRef", VarChar(Some(24))).description("Its number in the ERP system."),
        )
        .column(ColumnSpec::new("name", text(200)).not_null())
        .column(ColumnSpec::new("segment", text(30)).not_null())
        .column(
            ColumnSpec::new("priority", text(5))
                .not_null()
                .default("Organization_priority_df", "(N'C')"),
        )
        .column(
            ColumnSpec::new("status", text(20))
                .not_null()
                .default("Organization_status_df", "(N'PROSPECT')"),
        )
        .column(ColumnSpec::new("phone", VarChar(Some(32))))
        .column(ColumnSpec::new("website", text(300)))
        .column(ColumnSpec::new("addressLine1", text(200)))
        .column(ColumnSpec::new("city", text(100)))
        .column(ColumnSpec::new("region", text(100)))
        .column(ColumnSpec::new("postalCode", VarChar(Some(16))))
        .column(ColumnSpec::new("countryCode", Char(2)).not_null())
        .column(ColumnSpec::new("latitude", Decimal(9, 6)))
        .column(ColumnSpec::new("longitude", Decimal(9, 6)))
        .column(ColumnSpec::new("annualRevenue", Money))
        .column(
            ColumnSpec::new("estimatedSpend", Decimal(12, 2))
                .not_null()
                .default("Organization_estimatedSpend_df", "((0))"),
        )
        .column(ColumnSpec::new("seatCount", Int))
        .column(ColumnSpec::new("employeeCount", SmallInt))
        .column(ColumnSpec::new("rating", TinyInt).description("1 to 5 stars."))
        .column(ColumnSpec::new("taxRate", Real))
        .column(ColumnSpec::new("notes", NVarChar(None)))
        .column(ColumnSpec::new("ownerId", UniqueIdentifier))
        .column(ColumnSpec::new("nextFollowUpAt", DateTimeOffset(7)))
        .column(created("Organization"))
        .column(updated())
        .column(ColumnSpec::new("deletedAt", DateTime2(7)))
        .column(ColumnSpec::computed("nameKey", "(upper([name]))", false))
        .column(ColumnSpec::computed(
            "displayAddress",
            "(isnull([addressLine1]+N', ',N'')+isnull([city],N''))",
            false,
        ))
        .primary_key("Organization_pkey", &["id"])
        .foreign_key(key("Organization", "ParentId", "Organization"))
        .foreign_key(key("Organization", "ownerId", "User").on_delete(ReferentialAction::SetNull))
        .check("Organization_segment_check", &alternatives("segment", SEGMENTS))
        .check(
            "Organization_priority_check",
            &alternatives("priority", PRIORITIES),
        )
        .check("Organization_status_check", &alternatives("status", STATUSES))
        .check("Organization_rating_check", "([rating]>=(1) AND [rating]<=(5))")
        .check("Organization_spend_check", "([estimatedSpend]>=(0.00))")
        .index(IndexSpec::new("Organization_ParentId_idx", &["ParentId"]))
        .index(IndexSpec::new(
            "Organization_ownerId_status_idx",
            &["ownerId", "status"],
        ))
        .index(IndexSpec::new("Organization_name_idx", &["name"]))
        .index(IndexSpec::new(
            "Organization_countryCode_city_idx",
            &["countryCode", "city"],
        ))
        .index(
            IndexSpec::new("Organization_segment_priority_idx", &["segment", "priority"])
                .include(&["name", "estimatedSpend"]),
        )
        .index(
            IndexSpec::new("Organization_externalRef_key", &["externalRef"])
                .unique()
                .filter("([externalRef] IS NOT NULL)"),
        )
        .index(IndexSpec::new("Organization_updatedAt_idx", &["-updatedAt"]))
        .index(
            IndexSpec::new("Organization_deletedAt_idx", &["deletedAt"]).filter("([deletedAt] IS NOT NULL)"),
        )
        .index(
            IndexSpec::new("Organization_nextFollowUpAt_idx", &["nextFollowUpAt"])
                .filter("([nextFollowUpAt] IS NOT NULL AND [status]=N'ACTIVE')"),
        )
}

fn contact() -> TableSpec {
    TableSpec::new("dbo", "Contact")
        .description("People at organizations.")
        .column(id("Contact", "(newsequentialid())"))
        .column(ColumnSpec::new("organizationId", UniqueIdentifier).not_null())
        .column(
            ColumnSpec::new("ReportsToId", UniqueIdentifier)
                .description("Another contact, at the same place."),
        )
        .column(ColumnSpec::new("ownerId", UniqueIdentifier))
        .column(ColumnSpec::new("firstName", text(80)).not_null())
        .column(ColumnSpec::new("lastName", text(80)).not_null())
        .column(ColumnSpec::computed(
            "fullName",
            "([firstName]+N' '+[lastName])",
            true,
        ))
        .column(ColumnSpec::new("jobTitle", text(120)))
        .column(ColumnSpec::new("email", text(255)))
        .column(ColumnSpec::new("phone", VarChar(Some(32))))
        .column(
            ColumnSpec::new("isPrimary", Bit)
                .not_null()
                .default("Contact_isPrimary_df", "((0))"),
        )
        .column(
            ColumnSpec::new("status", text(20))
                .not_null()
                .default("Contact_status_df", "(N'ACTIVE')"),
        )
        .column(ColumnSpec::new("birthday", Date))
        .column(ColumnSpec::new("lastContactedAt", SmallDateTime))
        .column(ColumnSpec::new("notes", NVarChar(None)))
        .column(created("Contact"))
        .primary_key("Contact_pkey", &["id"])
        .foreign_key(key("Contact", "organizationId", "Organization").on_delete(ReferentialAction::Cascade))
        .foreign_key(key("Contact", "ReportsToId", "Contact"))
        .foreign_key(key("Contact", "ownerId", "User"))
        .check("Contact_status_check", &one_of("status", CONTACT_STATUSES))
        .index(IndexSpec::new(
            "Contact_organizationId_lastName_firstName_idx",
            &["organizationId", "lastName", "firstName"],
        ))
        .index(IndexSpec::new("Contact_ReportsToId_idx", &["ReportsToId"]))
        .index(IndexSpec::new("Contact_email_idx", &["email"]))
        .index(
            IndexSpec::new("Contact_primary_key", &["organizationId"])
                .unique()
                .filter("([isPrimary]=(1))"),
        )
        .index(IndexSpec::new("Contact_ownerId_idx", &["ownerId"]).include(&[
            "firstName",
            "lastName",
            "email",
        ]))
        .index(IndexSpec::new(
            "Contact_lastContactedAt_idx",
            &["-lastContactedAt"],
        ))
}

fn opportunity() -> TableSpec {
    TableSpec::new("dbo", "Opportunity")
        .description("Deals in the pipeline.")
        .column(id("Opportunity", "(newsequentialid())"))
        .column(ColumnSpec::new("organizationId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("contactId", UniqueIdentifier))
        .column(ColumnSpec::new("ownerId", UniqueIdentifier))
        .column(ColumnSpec::new("name", text(200)).not_null())
        .column(
            ColumnSpec::new("stage", text(30))
                .not_null()
                .default("Opportunity_stage_df", "(N'NEW_LEAD')"),
        )
        .column(
            ColumnSpec::new("amount", Decimal(12, 2))
                .not_null()
                .default("Opportunity_amount_df", "((0))"),
        )
        .column(
            ColumnSpec::new("probability", TinyInt)
                .not_null()
                .default("Opportunity_probability_df", "((10))"),
        )
        .column(ColumnSpec::computed(
            "weightedAmount",
            "(CONVERT([decimal](14,2),([amount]*[probability])/(100.0)))",
            true,
        ))
        .column(ColumnSpec::new("expectedCloseDate", Date))
        .column(ColumnSpec::new("closedAt", DateTime))
        .column(ColumnSpec::new("lostReason", text(400)))
        .column(ColumnSpec::new("score", Float))
        .column(created("Opportunity"))
        .column(updated())
        .primary_key("Opportunity_pkey", &["id"])
        .unique("Opportunity_id_organizationId_key", &["id", "organizationId"])
        .foreign_key(
            key("Opportunity", "organizationId", "Organization").on_delete(ReferentialAction::Cascade),
        )
        .foreign_key(key("Opportunity", "contactId", "Contact"))
        .foreign_key(key("Opportunity", "ownerId", "User"))
        .check("Opportunity_stage_check", &one_of("stage", STAGES))
        .check("Opportunity_probability_check", "([probability]<=(100))")
        .index(IndexSpec::new(
            "Opportunity_organizationId_stage_idx",
            &["organizationId", "stage"],
        ))
        .index(
            IndexSpec::new("Opportunity_ownerId_stage_idx", &["ownerId", "stage"])
                .include(&["amount", "probability"]),
        )
        .index(
            IndexSpec::new("Opportunity_open_expectedCloseDate_idx", &["expectedCloseDate"])
                .filter("([closedAt] IS NULL)"),
        )
        .index(IndexSpec::new("Opportunity_contactId_idx", &["contactId"]))
        .index(IndexSpec::new("Opportunity_amount_idx", &["-amount"]))
}

fn interaction() -> TableSpec {
    let last = FIRST_INTERACTION + super::table_rows("Interaction") as i64 - 1;
    TableSpec::new("dbo", "Interaction")
        .description("Calls, visits, mails and tastings.")
        .column(id("Interaction", "(newsequentialid())"))
        .column(ColumnSpec::new("number", Int).identity(FIRST_INTERACTION, 1, Some(last)))
        .column(ColumnSpec::new("organizationId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("contactId", UniqueIdentifier))
        .column(ColumnSpec::new("opportunityId", UniqueIdentifier))
        .column(ColumnSpec::new("userId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("type", text(30)).not_null())
        .column(ColumnSpec::new("outcome", text(30)))
        .column(ColumnSpec::new("subject", text(200)).not_null())
        .column(ColumnSpec::new("body", NVarChar(None)))
        .column(
            ColumnSpec::new("occurredAt", DateTimeOffset(7))
                .not_null()
                .description("With the visitor's time zone."),
        )
        .column(ColumnSpec::new("durationMinutes", SmallInt))
        .column(ColumnSpec::computed(
            "durationHours",
            "(CONVERT([decimal](9,2),[durationMinutes]/(60.0)))",
            true,
        ))
        .column(ColumnSpec::new("followUpDate", Date))
        .column(
            ColumnSpec::new("isCompleted", Bit)
                .not_null()
                .default("Interaction_isCompleted_df", "((0))"),
        )
        .column(created("Interaction"))
        .primary_key("Interaction_pkey", &["id"])
        .foreign_key(
            key("Interaction", "organizationId", "Organization").on_delete(ReferentialAction::Cascade),
        )
        .foreign_key(key("Interaction", "contactId", "Contact"))
        .foreign_key(key("Interaction", "opportunityId", "Opportunity"))
        .foreign_key(key("Interaction", "userId", "User"))
        .check("Interaction_type_check", &one_of("type", INTERACTION_TYPES))
        .check("Interaction_outcome_check", &one_of("outcome", OUTCOMES))
        .index(IndexSpec::new("Interaction_number_key", &["number"]).unique())
        .index(IndexSpec::new(
            "Interaction_organizationId_occurredAt_idx",
            &["organizationId", "-occurredAt"],
        ))
        .index(IndexSpec::new("Interaction_contactId_idx", &["contactId"]))
        .index(IndexSpec::new(
            "Interaction_userId_occurredAt_idx",
            &["userId", "-occurredAt"],
        ))
        .index(IndexSpec::new(
            "Interaction_type_outcome_idx",
            &["type", "outcome"],
        ))
        .index(
            IndexSpec::new("Interaction_followUpDate_idx", &["followUpDate"])
                .include(&["subject"])
                .filter("([followUpDate] IS NOT NULL AND [isCompleted]=(0))"),
        )
        .index(IndexSpec::new(
            "Interaction_opportunityId_idx",
            &["opportunityId"],
        ))
}

fn lead() -> TableSpec {
    TableSpec::new("dbo", "Lead")
        .description("Names that are not customers yet.")
        .column(id("Lead", "(newid())"))
        .column(ColumnSpec::new("organizationId", UniqueIdentifier))
        .column(ColumnSpec::new("assignedToId", UniqueIdentifier))
        .column(ColumnSpec::new("convertedOpportunityId", UniqueIdentifier))
        .column(ColumnSpec::new("company", text(200)).not_null())
        .column(ColumnSpec::new("contactName", text(160)))
        .column(ColumnSpec::new("email", text(255)))
        .column(ColumnSpec::new("source", text(20)).not_null())
        .column(
            ColumnSpec::new("status", text(20))
                .not_null()
                .default("Lead_status_df", "(N'NEW')"),
        )
        .column(
            ColumnSpec::new("score", SmallInt)
                .not_null()
                .default("Lead_score_df", "((0))"),
        )
        .column(ColumnSpec::new("budget", Money))
        .column(ColumnSpec::new("message", NVarChar(None)))
        .column(
            ColumnSpec::new("importedAt", DateTime2(7))
                .not_null()
                .description("From the server's clock, to 100 ns."),
        )
        .primary_key("Lead_pkey", &["id"])
        .foreign_key(key("Lead", "organizationId", "Organization").on_delete(ReferentialAction::SetNull))
        .foreign_key(key("Lead", "assignedToId", "User"))
        .foreign_key(key("Lead", "convertedOpportunityId", "Opportunity"))
        .check("Lead_source_check", &one_of("source", LEAD_SOURCES))
        .check("Lead_status_check", &one_of("status", LEAD_STATUSES))
        .check("Lead_score_check", "([score]>=(0) AND [score]<=(100))")
        .index(IndexSpec::new("Lead_status_score_idx", &["status", "-score"]))
        .index(IndexSpec::new("Lead_assignedToId_idx", &["assignedToId"]))
        .index(
            IndexSpec::new("Lead_convertedOpportunityId_key", &["convertedOpportunityId"])
                .unique()
                .filter("([convertedOpportunityId] IS NOT NULL)"),
        )
        .index(IndexSpec::new("Lead_organizationId_idx", &["organizationId"]))
}

fn contract() -> TableSpec {
    TableSpec::new("dbo", "Contract")
        .description("Signed supply contracts.")
        .column(id("Contract", "(newid())"))
        .column(
            ColumnSpec::new("number", BigInt)
                .not_null()
                .default("Contract_number_df", "(NEXT VALUE FOR [dbo].[ContractNumber])"),
        )
        .column(ColumnSpec::new("organizationId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("opportunityId", UniqueIdentifier).not_null())
        .column(ColumnSpec::new("signedById", UniqueIdentifier))
        .column(
            ColumnSpec::new("status", text(20))
                .not_null()
                .default("Contract_status_df", "(N'DRAFT')"),
        )
        .column(ColumnSpec::new("startDate", Date).not_null())
        .column(ColumnSpec::new("endDate", Date))
        .column(ColumnSpec::computed(
            "termDays",
            "(datediff(day,[startDate],[endDate]))",
            false,
        ))
        .column(ColumnSpec::computed(
            "isOpenEnded",
            "(case when [endDate] IS NULL then (1) else (0) end)",
            false,
        ))
        .column(ColumnSpec::new("value", Money).not_null())
        .column(
            ColumnSpec::new("discount", Decimal(5, 4))
                .not_null()
                .default("Contract_discount_df", "((0))"),
        )
        .column(ColumnSpec::new("terms", NVarChar(None)))
        .column(ColumnSpec::new("documentHash", Binary(32)))
        .column(created("Contract"))
        .primary_key("Contract_pkey", &["id"])
        .unique("Contract_number_key", &["number"])
        .foreign_key(
            ForeignKeySpec::new(
                "Contract_opportunityId_organizationId_fkey",
                &["opportunityId", "organizationId"],
                "dbo",
                "Opportunity",
                &["id", "organizationId"],
            )
            .on_delete(ReferentialAction::Cascade),
        )
        .foreign_key(key("Contract", "signedById", "Contact"))
        .check("Contract_status_check", &one_of("status", CONTRACT_STATUSES))
        .check(
            "Contract_dates_check",
            "([endDate] IS NULL OR [endDate]>=[startDate])",
        )
        .index(IndexSpec::new(
            "Contract_organizationId_endDate_idx",
            &["organizationId", "-endDate"],
        ))
        .index(IndexSpec::new("Contract_opportunityId_idx", &["opportunityId"]))
}

/// Views, a procedure and a trigger.
fn modules(database: DatabaseSpec) -> DatabaseSpec {
    let column = |name: &str, from: &str| (name.to_owned(), vec![from.to_owned()]);
    database
        .view(ViewSpec {
            schema: "dbo".into(),
            name: "OpenPipeline".into(),
            header: "CREATE VIEW [dbo].[OpenPipeline]\nAS".into(),
            query: "\nSELECT o.[id], o.[name], g.[name] AS [organization], o.[stage], o.[amount], o.[probability],\n    \
                    o.[expectedCloseDate]\nFROM [dbo].[Opportunity] AS o\nJOIN [dbo].[Organization] AS g ON g.[id] = \
                    o.[organizationId]\nWHERE o.[closedAt] IS NULL"
                .into(),
            columns: vec![
                column("id", "[dbo].[Opportunity].[id]"),
                column("name", "[dbo].[Opportunity].[name]"),
                column("organization", "[dbo].[Organization].[name]"),
                column("stage", "[dbo].[Opportunity].[stage]"),
                column("amount", "[dbo].[Opportunity].[amount]"),
                column("probability", "[dbo].[Opportunity].[probability]"),
                column("expectedCloseDate", "[dbo].[Opportunity].[expectedCloseDate]"),
            ],
            schema_bound: false,
        })
        .view(ViewSpec {
            schema: "dbo".into(),
            name: "SegmentSummary".into(),
            header: "CREATE VIEW [dbo].[SegmentSummary]\nAS".into(),
            query: "\nSELECT [segment], COUNT(*) AS [organizations], SUM([estimatedSpend]) AS [spend]\nFROM \
                    [dbo].[Organization]\nWHERE [deletedAt] IS NULL\nGROUP BY [segment]"
                .into(),
            columns: vec![
                column("segment", "[dbo].[Organization].[segment]"),
                ("organizations".into(), Vec::new()),
                column("spend", "[dbo].[Organization].[estimatedSpend]"),
            ],
            schema_bound: false,
        })
        .procedure(ProcedureSpec {
            schema: "dbo".into(),
            name: "ReassignOwner".into(),
            parameters: vec![("@fromUser".into(), UniqueIdentifier), ("@toUser".into(), UniqueIdentifier)],
            header: "CREATE PROCEDURE [dbo].[ReassignOwner]\n    @fromUser uniqueidentifier,\n    @toUser \
                     uniqueidentifier\nAS"
                .into(),
            body: "\nBEGIN\n    SET NOCOUNT ON;\n    BEGIN TRANSACTION;\n    UPDATE [dbo].[Organization] SET [ownerId] \
                   = @toUser WHERE [ownerId] = @fromUser;\n    UPDATE [dbo].[Contact] SET [ownerId] = @toUser WHERE \
                   [ownerId] = @fromUser;\n    UPDATE [dbo].[Opportunity] SET [ownerId] = @toUser WHERE [ownerId] = \
                   @fromUser;\n    COMMIT TRANSACTION;\nEND"
                .into(),
        })
        .trigger(TriggerSpec {
            schema: "dbo".into(),
            name: "Organization_touch".into(),
            table: "Organization".into(),
            events: TriggerEvents { insert: false, update: true, delete: false },
            header: "CREATE TRIGGER [dbo].[Organization_touch] ON [dbo].[Organization]\nAFTER UPDATE\nAS".into(),
            body: "\nBEGIN\n    SET NOCOUNT ON;\n    UPDATE o SET [updatedAt] = SYSUTCDATETIME()\n    FROM \
                   [dbo].[Organization] AS o\n    JOIN inserted AS i ON i.[id] = o.[id];\nEND"
                .into(),
        })
        .description(Description {
            host_kind: "SqlView".into(),
            host: "[dbo].[OpenPipeline]".into(),
            text: "Deals that are still open, with the customer's name.".into(),
        })
        .description(Description {
            host_kind: "SqlProcedure".into(),
            host: "[dbo].[ReassignOwner]".into(),
            text: "Gives everything one representative owns to another.".into(),
        })
}
