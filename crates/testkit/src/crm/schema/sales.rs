//! Leads, deals and contracts.

use super::*;
use crate::bacpac::{IndexSpec, ReferentialAction};
use crate::crm::words::*;

pub(super) fn opportunity() -> TableSpec {
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

pub(super) fn lead() -> TableSpec {
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

pub(super) fn contract() -> TableSpec {
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
