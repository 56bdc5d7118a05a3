//! Views, a procedure and a trigger.

use super::*;
use crate::bacpac::{Description, ProcedureSpec, TriggerEvents, TriggerSpec, ViewSpec};

/// Adds them.
pub(super) fn add(database: DatabaseSpec) -> DatabaseSpec {
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
