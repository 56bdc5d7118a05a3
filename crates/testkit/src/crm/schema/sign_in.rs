//! The tables of the web framework.

use super::*;
use crate::bacpac::{IndexSpec, ReferentialAction};
use crate::crm::words::*;

pub(super) fn user() -> TableSpec {
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

pub(super) fn account() -> TableSpec {
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

pub(super) fn session() -> TableSpec {
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

pub(super) fn verification_token() -> TableSpec {
    TableSpec::new("dbo", "VerificationToken")
        .description("One-time tokens of sign-in mails. The table has no primary key.")
        .column(ColumnSpec::new("identifier", text(255)).not_null())
        .column(ColumnSpec::new("token", text(255)).not_null().collation(BINARY))
        .column(ColumnSpec::new("expires", DateTime2(7)).not_null())
        .unique("VerificationToken_token_key", &["token"])
        .unique("VerificationToken_identifier_token_key", &["identifier", "token"])
        .index(IndexSpec::new("VerificationToken_expires_idx", &["expires"]))
}
