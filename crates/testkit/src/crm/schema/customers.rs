//! Organizations, the people there and what was said to them.

use super::*;
use crate::bacpac::{IndexSpec, ReferentialAction};
use crate::crm::words::*;

pub(super) fn organization() -> TableSpec {
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

pub(super) fn contact() -> TableSpec {
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

pub(super) fn interaction() -> TableSpec {
    let last = FIRST_INTERACTION + crate::crm::table_rows("Interaction") as i64 - 1;
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
